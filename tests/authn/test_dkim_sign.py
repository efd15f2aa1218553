# SPDX-License-Identifier: Apache-2.0
"""Signatures that others verify, whatever the letter looks like."""

import shutil
import subprocess
import time

import dkim
import pytest

from authn_dkim import (
    ED25519,
    HEADER,
    LETTERS,
    NOW,
    RSA,
    ZONE,
    add_field,
    letter,
    record_of,
    rsa_2048,
)
from gatepost.authn import (
    Letter,
    SignHeaders,
    SigningError,
    SigningOptions,
    parse_signature,
    sign_dkim,
    verify_dkim,
)

FORMS = [(h, b) for h in ("simple", "relaxed") for b in ("simple", "relaxed")]


def sign(raw: bytes, key=RSA, **options) -> bytes:
    """The letter with a signature on top."""
    selector = "test" if key.kind == "rsa" else "brisbane"
    value = sign_dkim(
        Letter.from_bytes(raw),
        key,
        "football.example.com",
        selector,
        now=time.time(),
        options=SigningOptions(**options),
    )
    return add_field("DKIM-Signature", value, raw)


@pytest.mark.parametrize("header, body", FORMS)
@pytest.mark.parametrize("key", [RSA, ED25519], ids=["rsa", "ed25519"])
@pytest.mark.parametrize("name", LETTERS)
async def test_dkimpy_and_we_ourselves_verify_what_we_sign(name, key, header, body):
    signed = sign(LETTERS[name], key, header=header, body=body)
    [verdict] = await verify_dkim(Letter.from_bytes(signed), ZONE, now=time.time())
    assert verdict.result == "pass", verdict
    assert dkim.verify(signed, dnsfunc=ZONE.for_dkimpy) is True


@pytest.mark.parametrize("body", ["simple", "relaxed"])
async def test_a_signature_with_a_length_lets_text_be_added_below(body):
    signed = sign(LETTERS["plain"], body=body, body_length=True) + b"-- \r\nthe list\r\n"
    assert dkim.verify(signed, dnsfunc=ZONE.for_dkimpy) is True
    [verdict] = await verify_dkim(Letter.from_bytes(signed), ZONE, now=time.time())
    assert verdict.passed and verdict.unsigned_bytes == len("--\r\nthe list\r\n") + (
        body == "simple"
    )


# `opendkim -t` is no MTA: it bounds lines, and wants the empty line and the last line end.
NOT_FOR_OPENDKIM = {"long line", "long blanks", "long field", "NUL", "no empty line"}
NOT_FOR_OPENDKIM |= {"no line end at the end"}
# As a milter it is not told of the blanks after the colon, which simple counts.
NOT_FOR_SIMPLE = {"no blank after the colon", "many blanks after the colon", "empty field"}


@pytest.mark.server
@pytest.mark.parametrize("header, body", FORMS)
def test_opendkim_verifies_what_we_sign(tmp_path, header, body):
    if shutil.which("opendkim") is None:
        pytest.skip("opendkim is not installed")
    keys = tmp_path / "keys"
    keys.write_text(f"test._domainkey.football.example.com {record_of(RSA).decode()}\n")
    settings = tmp_path / "opendkim.conf"
    settings.write_text(f"Mode v\nTestPublicKeys {keys}\n")
    left_out = NOT_FOR_OPENDKIM | (NOT_FOR_SIMPLE if header == "simple" else set())
    names = [name for name in LETTERS if name not in left_out]
    for name in names:
        raw = LETTERS[name].replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
        (tmp_path / name.replace(" ", "-")).write_bytes(sign(raw, header=header, body=body))
    files = [str(tmp_path / name.replace(" ", "-")) for name in names]
    run = subprocess.run(
        ["opendkim", "-x", settings, "-v", "-t", ",".join(files)],
        capture_output=True,
        text=True,
        timeout=60,
    )
    good = "verification (s=test, d=football.example.com, 1024-bit key) succeeded"
    assert [file for file in files if f"{file}: {good}" in run.stdout] == files, run.stdout


async def test_the_tags_are_rspamds_and_lines_are_short():
    options = SigningOptions(expire=3600)
    value = sign_dkim(
        letter(), RSA, "example.org", "s1", now=1000.7, identity="anna+é=;@sub.example.org",
        options=options,
    )  # fmt: skip
    plain = "".join(value.split())
    assert plain.startswith(
        "v=1;a=rsa-sha256;c=relaxed/relaxed;d=example.org;s=s1;"
        "i=anna+=C3=A9=3D=3B@sub.example.org;t=1000;x=4600;"
        "h=from:from:reply-to:subject:subject:date:date:message-id:message-id:to:to:cc;bh="
    )
    assert "DKIM-Signature" not in value and not value.endswith("\n")
    for line in f"DKIM-Signature: {value}".split("\r\n\t"):
        assert len(line) <= 78 and "\n" not in line and "\t" not in line
    claim = parse_signature(f"DKIM-Signature: {value}\r\n".encode())
    assert claim.identity == "anna+é=;@sub.example.org"
    assert (claim.timestamp, claim.expires) == (1000, 4600)


def test_without_a_time_there_is_none_in_the_signature():
    value = sign_dkim(letter(), ED25519, "example.org", "s", now=None)
    assert "t=" not in value.partition("h=")[0] and "x=" not in value.partition("h=")[0]


def test_international_names_are_written_as_a_labels():
    value = sign_dkim(letter(), ED25519, "bücher.example", "größe", now=1)
    assert "d=xn--bcher-kva.example; s=xn--gre-6ka8i;" in value.replace("\r\n\t", " ")


@pytest.mark.parametrize(
    "domain, selector, identity",
    [
        ("", "s", None),
        ("example.org", "", None),
        ("example.org; x=1", "s", None),
        ("example org", "s", None),
        ("example.org", "s\r\nX: y", None),
        ("a" * 64 + ".org", "s", None),
        ("example.org", "s", "anna@example.com"),
        ("example.org", "s", "anna@notexample.org"),
        ("example.org", "s", "example.org"),
    ],
)
def test_what_no_verifier_could_look_up_is_not_signed(domain, selector, identity):
    with pytest.raises(SigningError):
        sign_dkim(letter(), RSA, domain, selector, now=1, identity=identity)


async def test_two_signatures_of_one_letter_hold_side_by_side():
    shared = letter()
    raw = LETTERS["plain"]
    for key, selector in ((RSA, "test"), (ED25519, "brisbane")):
        value = sign_dkim(shared, key, "football.example.com", selector, now=NOW)
        raw = add_field("DKIM-Signature", value, raw)
    verdicts = await verify_dkim(Letter.from_bytes(raw), ZONE, now=NOW)
    assert [verdict.result for verdict in verdicts] == ["pass", "pass"]


async def test_an_oversigned_field_cannot_be_added():
    signed = sign(LETTERS["plain"], sign_headers=SignHeaders.parse("from:(o)reply-to:(x)subject"))
    for field in (b"Reply-To: x@y\r\n", b"Subject: other\r\n"):
        [verdict] = await verify_dkim(Letter.from_bytes(field + signed), ZONE, now=time.time())
        assert verdict.result == "fail"
    [verdict] = await verify_dkim(Letter.from_bytes(b"X-A: b\r\n" + signed), ZONE, now=time.time())
    assert verdict.result == "pass"


@pytest.mark.slow
def test_a_signature_costs_little_more_than_its_rsa_operation():
    raw = HEADER + b"Received: from a by b with c; now\r\n" * 12 + b"\r\n"
    raw += b"Lorem ipsum dolor sit amet, consectetur  adipiscing elit.\r\n" * 200
    key = rsa_2048()

    def cost(call):
        def once():
            start = time.process_time()
            for _ in range(50):
                call()
            return time.process_time() - start

        return min(once() for _ in range(7)) / 50

    bare = cost(lambda: key.sign(b"x" * 32))
    whole = cost(lambda: sign_dkim(Letter.from_bytes(raw), key, "example.org", "s", now=1))
    assert whole - bare < bare, (whole, bare)  # about a third; twice that on a busy machine
