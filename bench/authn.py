# SPDX-License-Identifier: Apache-2.0
"""What do signatures and SPF cost, beside what the cryptography alone costs?"""

from __future__ import annotations

import asyncio
import base64
import time
from collections.abc import Callable, Coroutine, Iterator
from functools import partial
from typing import Any, Literal, TypeVar

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ed25519, padding, rsa

from bench import spf
from gatepost.authn import (
    KeyMemory,
    Letter,
    PrivateKey,
    generate_key,
    seal_arc,
    sign_dkim,
    verify_arc,
    verify_dkim,
)
from gatepost.authn.dkim_canonical import Canonical
from gatepost.mail import Message
from gatepost.net import Answer, RecordType

NOW = 1_767_225_600.0
SECONDS = 0.4
"""How long each thing is measured."""
BODY_SIZE = 5_000
LARGE = 10_000_000
FORMS: tuple[Canonical, ...] = ("simple", "relaxed")

Row = tuple[str, str]
Found = TypeVar("Found")


class OneKey:
    """A DNS that has this key under every name."""

    def __init__(self, key: PrivateKey) -> None:
        public = base64.b64encode(key.public).decode()
        self.answer = Answer("noerror", (f"v=DKIM1; k={key.kind}; p={public}".encode(),), 3600.0)

    async def query(self, name: str, type: RecordType) -> Answer:
        return self.answer


def write_letter(size: int) -> bytes:
    """A letter with about so many bytes of text."""
    line = b"The quick brown fox jumps over the lazy dog,  and  comes back again. \r\n"
    header = (
        b"From: Anna <anna@example.org>\r\nTo: bob@example.net\r\nSubject: of foxes\r\n"
        b"Date: Thu, 01 Jan 2026 00:00:00 +0000\r\nMessage-ID: <1@example.org>\r\n"
        b"MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n"
    )
    return header + line * (size // len(line))


def split(raw: bytes) -> Message:
    """The letter as a scan has it before any signature is looked at."""
    message = Message(raw)
    assert message.header_bytes
    return message


def spend(work: Callable[[], object]) -> float:
    """Seconds of CPU for one go, the best of five spells."""
    work()
    best = float("inf")
    for _ in range(5):
        rounds, began = 0, time.process_time()
        while (spent := time.process_time() - began) < SECONDS / 5:
            work()
            rounds += 1
        best = min(best, spent / rounds)
    return best


def measure_dkim(kind: Literal["rsa", "ed25519"]) -> Iterator[Row]:
    """Signing and verifying a letter that is split already, beside the key's own work."""
    key = generate_key(kind, 2048).key
    raw, dns, cache = write_letter(BODY_SIZE), OneKey(key), KeyMemory()
    sign_alone, verify_alone = raw_work(key)

    plain = split(raw)

    def sign() -> str:
        return sign_dkim(Letter.from_message(plain), key, "example.org", "s", now=NOW)

    signed = split(f"DKIM-Signature: {sign()}\r\n".encode() + raw)

    def verify() -> None:
        done = verify_dkim(Letter.from_message(signed), dns, now=NOW, cache=cache)
        assert run(done)[0].passed

    for what, work, alone in (("sign", sign, sign_alone), ("verify", verify, verify_alone)):
        whole, bare = spend(work), spend(alone)
        text = f"{whole * 1e6:8.0f} µs, cryptography alone {bare * 1e6:.0f} ({whole / bare:.2f} x)"
        yield f"DKIM {what}, {key.algorithm}, {key.bits} bits", text


def raw_work(key: PrivateKey) -> tuple[Callable[[], object], Callable[[], object]]:
    """Signing and verifying a digest with the key and nothing else."""
    message = b"x" * 600
    private = key.key
    if isinstance(private, rsa.RSAPrivateKey):
        scheme, sha256 = padding.PKCS1v15(), hashes.SHA256()
        made, public = private.sign(message, scheme, sha256), private.public_key()
        return (
            lambda: private.sign(message, scheme, sha256),
            lambda: public.verify(made, message, scheme, sha256),
        )
    assert isinstance(private, ed25519.Ed25519PrivateKey)
    seal, other = private.sign(message), private.public_key()
    return lambda: private.sign(message), lambda: other.verify(seal, message)


def run(work: Coroutine[Any, Any, Found]) -> Found:
    """The result of a coroutine that never waits."""
    try:
        work.send(None)
    except StopIteration as end:
        found: Found = end.value
        return found
    raise AssertionError("it waits")


def measure_arc() -> Iterator[Row]:
    """Sealing, and validating a chain of three."""
    key = generate_key("rsa", 2048).key
    dns, cache, raw = OneKey(key), KeyMemory(), write_letter(BODY_SIZE)

    def seal() -> bytes:
        letter = Letter.from_bytes(raw)
        chain = run(verify_arc(letter, dns, now=NOW, cache=cache))
        new = seal_arc(letter, key, "example.org", "s", chain=chain, results="mx; none", now=NOW)
        assert new is not None
        return (
            f"ARC-Seal: {new.seal}\r\nARC-Message-Signature: {new.message}\r\n"
            f"ARC-Authentication-Results: {new.results}\r\n"
        ).encode()

    for _ in range(3):
        raw = seal() + raw
    sealed = split(raw)
    chain = run(verify_arc(Letter.from_message(sealed), dns, now=NOW, cache=cache))
    assert chain.passed

    def again() -> object:
        fresh = Letter.from_message(sealed)
        return seal_arc(fresh, key, "example.org", "s", chain=chain, results="mx; none", now=NOW)

    def check() -> None:
        work = verify_arc(Letter.from_message(sealed), dns, now=NOW, cache=cache)
        assert run(work).passed

    yield "ARC seal on a chain of 3, RSA-2048", f"{spend(again) * 1e6:8.0f} µs (two signatures)"
    yield "ARC check of a chain of 3, RSA-2048", f"{spend(check) * 1e6:8.0f} µs (four signatures)"


def measure_bodies() -> Iterator[Row]:
    """Bringing a large body into canonical form, from bytes with CRLF and from bytes with LF."""
    crlf = write_letter(LARGE)
    for ends, raw in (("CRLF", crlf), ("LF", crlf.replace(b"\r\n", b"\n"))):
        for form in FORMS:
            seconds = spend(partial(make_canonical, raw, form))
            rate = len(raw) / seconds / 1e6
            yield f"10 MB with {ends} made {form}", f"{rate:8.0f} MB/s (aim: 200)"


def make_canonical(raw: bytes, form: Canonical) -> bytes:
    return Letter.from_bytes(raw).body(form)


def measure_spf() -> Iterator[Row]:
    """A check whose answers are in the cache."""
    for label, sender in ((spf.SIMPLE, "u@simple.example"), (spf.USUAL, "u@usual.example")):
        cost = asyncio.run(spf.measure(sender)) * 1e6
        yield f"SPF, {label}", f"{cost:8.1f} µs (aim: 200)"


def main() -> None:
    """Prints a line for each."""
    print("\nauthentication, CPU for one")
    rows = (
        measure_dkim("rsa"),
        measure_dkim("ed25519"),
        measure_arc(),
        measure_bodies(),
        measure_spf(),
    )
    for part in rows:
        for title, text in part:
            print(f"  {title:<44}{text}")


if __name__ == "__main__":
    main()
