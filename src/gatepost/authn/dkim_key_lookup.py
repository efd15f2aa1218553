# SPDX-License-Identifier: Apache-2.0
"""Which keys are published at a name, and which of them may check a signature? RFC 6376 6.1.2."""

import asyncio
from collections.abc import Iterable

from gatepost.authn.dkim_key_cache import KeyCache, KeyRecords
from gatepost.authn.dkim_key_record import KeyProblem, KeyRecord, parse_key_record
from gatepost.authn.outcomes import Reason
from gatepost.net import Resolver

MAX_RECORDS = 4
"""Records at one name that are tried: there should be one (RFC 6376 3.6.2.2)."""


async def find_keys(
    name: str, resolver: Resolver, *, cache: KeyCache | None, now: float
) -> KeyRecords | KeyProblem:
    """The records at that name, or why there are none. Never raises for DNS trouble."""
    known = cache.find(name, now) if cache is not None else None
    if known is not None:
        return known
    answer = await resolver.query(name, "TXT")
    if answer.failed:
        return KeyProblem(Reason.KEY_UNAVAILABLE, answer.rcode)
    texts = [record for record in answer.records if isinstance(record, bytes)]
    if not texts:
        return KeyProblem(Reason.KEY_MISSING, answer.rcode)
    records = tuple(parse_key_record(text) for text in texts[:MAX_RECORDS])
    if cache is not None:
        cache.keep(name, records, now + answer.ttl)
    return records


async def find_all_keys(
    names: Iterable[str], resolver: Resolver, *, cache: KeyCache | None, now: float
) -> dict[str, KeyRecords | KeyProblem]:
    """As :func:`find_keys` for each of the names, all together and each once."""
    different = sorted(set(names))
    if len(different) == 1:  # most letters: no task is needed to wait for one thing
        [name] = different
        return {name: await find_keys(name, resolver, cache=cache, now=now)}
    async with asyncio.TaskGroup() as group:
        tasks = {
            name: group.create_task(find_keys(name, resolver, cache=cache, now=now))
            for name in different
        }
    return {name: task.result() for name, task in tasks.items()}


def choose_keys(
    found: KeyRecords | KeyProblem, *, kind: str, hash_name: str, strict_fails: bool
) -> list[KeyRecord] | KeyProblem:
    """The keys that may check a signature of that kind and hash, or what is wrong with the first.

    ``strict_fails``: the identity is below ``d=``, which a key with the flag ``s`` forbids.
    """
    if isinstance(found, KeyProblem):
        return found
    fitting: list[KeyRecord] = []
    problems: list[KeyProblem] = []
    for record in found:
        if isinstance(record, KeyProblem):
            problems.append(record)
            continue
        reason = None
        if record.kind != kind:
            reason = Reason.KEY_ALGORITHM
        elif record.hashes is not None and hash_name not in record.hashes:
            reason = Reason.KEY_HASH
        elif record.strict and strict_fails:
            reason = Reason.DOMAIN_MISMATCH
        if reason is None:
            fitting.append(record)
        else:
            problems.append(KeyProblem(reason, "", record.testing))
    return fitting or problems[0]
