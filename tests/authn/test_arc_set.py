# SPDX-License-Identifier: Apache-2.0
"""Every way in which RFC 8617 says that sets form no chain is named."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gatepost.authn import ArcReason, Letter
from gatepost.authn.arc_set import BrokenChain, parse_chain

AAR = "ARC-Authentication-Results: i={i}; mx{i}.example.org; spf=pass"
AMS = (
    "ARC-Message-Signature: i={i}; a=rsa-sha256; c=relaxed/relaxed; d=example.org; s=s;"
    " h=from:to; bh=aGFzaA==; b=c2ln"
)
SEAL = "ARC-Seal: i={i}; a=rsa-sha256; d=example.org; s=s; cv={cv}; t=1; b=c2ln"


def one_set(i: int, cv: str | None = None) -> list[str]:
    status = cv or ("none" if i == 1 else "pass")
    return [line.format(i=i, cv=status) for line in (SEAL, AMS, AAR)]


def sets(*numbers: int) -> list[str]:
    return [line for i in reversed(numbers) for line in one_set(i)]


def parse(lines: list[str]):
    header = "".join(f"{line}\r\n" for line in [*lines, "From: a@example.org"])
    return parse_chain(Letter(header.encode(), b"text\r\n"))


@pytest.mark.parametrize("hops", [1, 2, 3, 50])
def test_a_chain(hops):
    chain = parse(sets(*range(1, hops + 1)))
    assert [one.instance for one in chain] == list(range(1, hops + 1))
    last = chain[-1]
    assert last.results == f"mx{hops}.example.org; spf=pass"
    assert last.message.headers == ("from", "to") and last.message.signature == b"sig"
    assert (last.seal.status, last.seal.timestamp) == ("pass" if hops > 1 else "none", 1)
    assert last.seal.key_name == last.message.key_name == "s._domainkey.example.org"
    assert last.places == (2, 1, 0)


def test_no_chain():
    assert parse([]) == ()


@pytest.mark.parametrize("count", [1, 5])
def test_the_order_of_the_fields_does_not_matter(count):
    lines = sets(*range(1, count + 1))
    assert len(parse(lines[::-1])) == count


def change(lines: list[str], old: str, new: str) -> list[str]:
    text = "\n".join(lines)
    assert old in text
    return text.replace(old, new).split("\n")


BROKEN = {
    "51 sets": (sets(*range(1, 52)), ArcReason.TOO_MANY, 51),
    "an instance above 50": (sets(1, 51), ArcReason.TOO_MANY, 51),
    "a thousand seals": ([SEAL.format(i=1, cv="none")] * 1000, ArcReason.TOO_MANY, 51),
    "ended": (one_set(2, "fail") + one_set(1), ArcReason.ENDED, 2),
    "ended, and broken besides": (one_set(3, "fail") + one_set(1), ArcReason.ENDED, 3),
    "ended at once": (one_set(1, "fail"), ArcReason.ENDED, 1),
    "failed before": (one_set(3) + one_set(2, "fail") + one_set(1), ArcReason.STATUS, 3),
    "a set is missing": (sets(1, 3), ArcReason.GAP, 3),
    "the first set is missing": (sets(2), ArcReason.GAP, 2),
    "no seal": (one_set(1)[1:], ArcReason.INCOMPLETE, 1),
    "no message signature": (one_set(1)[::2], ArcReason.INCOMPLETE, 1),
    "no results": (one_set(1)[:2], ArcReason.INCOMPLETE, 1),
    "only results": (one_set(1)[2:], ArcReason.INCOMPLETE, 1),
    "two seals": (one_set(1)[:1] + one_set(1), ArcReason.REPEATED, 1),
    "two message signatures": (one_set(1)[1:2] + one_set(1), ArcReason.REPEATED, 1),
    "two results": (one_set(1) + one_set(1)[2:], ArcReason.REPEATED, 1),
    "first status is pass": (one_set(1, "pass"), ArcReason.STATUS, 1),
    "second status is none": (one_set(2, "none") + one_set(1), ArcReason.STATUS, 2),
    "unknown status": (one_set(1, "good"), ArcReason.SYNTAX, 1),
    "no status": (change(one_set(1), "cv=none; ", ""), ArcReason.SYNTAX, 1),
    "h= in the seal": (change(one_set(1), "cv=none", "cv=none; h=from"), ArcReason.SYNTAX, 1),
    "a seal under the message signature": (
        change(one_set(1), "h=from", "h=from:Arc-Seal"),
        ArcReason.SYNTAX,
        1,
    ),
    "From is not signed": (change(one_set(1), "h=from:", "h="), ArcReason.SYNTAX, 1),
    "rsa-sha1": (change(one_set(1), "sha256", "sha1"), ArcReason.SYNTAX, 1),
    "unknown algorithm": (change(one_set(1), "rsa-", "dsa-"), ArcReason.SYNTAX, 1),
    "no body hash": (change(one_set(1), "bh=aGFzaA==; ", ""), ArcReason.SYNTAX, 1),
    "no signature": (change(one_set(1), "b=c2ln", "b="), ArcReason.SYNTAX, 1),
    "no domain": (change(one_set(1), "d=example.org; ", ""), ArcReason.SYNTAX, 1),
    "no instance": (change(one_set(1), "Results: i=1;", "Results:"), ArcReason.SYNTAX, 1),
    "instance 0": (sets(0), ArcReason.SYNTAX, 0),
    "instance x": (change(one_set(1), "i=1;", "i=x;"), ArcReason.SYNTAX, 0),
    "no tags": (["ARC-Seal:", "ARC-Message-Signature: ;;"], ArcReason.SYNTAX, 0),
    "a tag twice": (change(one_set(1), "t=1;", "t=1; t=2;"), ArcReason.SYNTAX, 1),
    "ten thousand tags": (
        change(one_set(1), "t=1;", "".join(f"t{n}=;" for n in range(10_000))),
        ArcReason.SYNTAX,
        1,
    ),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_chain(name):
    lines, reason, highest = BROKEN[name]
    start = time.process_time()
    chain = parse(lines)
    assert isinstance(chain, BrokenChain), chain
    assert (chain.reason, chain.highest) == (reason, highest), chain
    assert time.process_time() - start < 0.1


@given(
    st.binary(max_size=300),
    st.sampled_from([b"ARC-Seal", b"ARC-Message-Signature", b"ARC-Authentication-Results"]),
)
def test_any_bytes_are_a_chain_or_none(value, name):
    header = name + b": " + value + b"\r\n"
    parse_chain(Letter(header, b""))
    parse_chain(Letter(header + "\r\n".join(sets(1, 2)).encode(), b""))
