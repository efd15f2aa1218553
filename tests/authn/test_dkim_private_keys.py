# SPDX-License-Identifier: Apache-2.0
"""Keys are read once, again when they change, and what is wrong is said once."""

import base64
import logging
import os

import pytest

from gatepost.authn import PrivateKeys, generate_key

RSA_TEXT, SEED_TEXT = (
    generate_key("rsa", 1024).private_text,
    generate_key("ed25519-seed").private_text,
)


@pytest.fixture
def log(caplog):
    caplog.set_level(logging.INFO, "gatepost.dkim")
    return caplog


def test_a_file_is_read_once_while_it_stays_the_same(tmp_path, log):
    (tmp_path / "key").write_text(RSA_TEXT)
    keys = PrivateKeys()
    first = keys.in_file(str(tmp_path / "key"))
    assert first is not None and keys.in_file(str(tmp_path / "key")) is first
    assert len(log.records) == 1


def test_a_key_written_anew_is_read_anew(tmp_path):
    path = tmp_path / "key"
    path.write_text(RSA_TEXT)
    keys = PrivateKeys()
    assert keys.in_file(str(path)).kind == "rsa"
    path.write_text(SEED_TEXT)
    assert keys.in_file(str(path)).kind == "ed25519"
    other = tmp_path / "other"
    other.write_text(RSA_TEXT)
    os.utime(other, ns=(path.stat().st_atime_ns, path.stat().st_mtime_ns))
    other.rename(path)
    assert keys.in_file(str(path)).kind == "rsa"


@pytest.mark.parametrize(
    "content, message",
    [
        (None, "is not there"),
        (b"", "is no signing key"),
        (b"rubbish", "is no signing key"),
        (b"\0" * 100_000, "at most 65536"),
        ("folder", "cannot be read: Is a directory"),
    ],
)
def test_what_is_wrong_is_said_once(tmp_path, log, content, message):
    path = tmp_path / "key"
    if content == "folder":
        path.mkdir()
    elif content is not None:
        path.write_bytes(content)
    keys = PrivateKeys()
    assert [keys.in_file(str(path)) for _ in range(3)] == [None] * 3
    (record,) = log.records
    assert message in record.getMessage() and str(path) in record.getMessage()


def test_a_key_that_was_there_and_is_gone_is_an_error(tmp_path, log):
    path = tmp_path / "key"
    path.write_text(RSA_TEXT)
    keys = PrivateKeys()
    keys.in_file(str(path))
    path.unlink()
    assert keys.in_file(str(path)) is None
    assert [record.levelname for record in log.records] == ["INFO", "ERROR"]


def test_names_that_no_file_can_have():
    assert PrivateKeys().in_file("a\0b") is None
    assert PrivateKeys().in_file("x" * 5000) is None


def test_keys_in_text_are_parsed_once_and_wrong_ones_named(log):
    keys = PrivateKeys()
    assert keys.in_text(SEED_TEXT, "a.example") is keys.in_text(SEED_TEXT, "b.example")
    assert keys.in_text("rubbish", "c.example") is None
    assert keys.in_text("rubbish", "c.example") is None
    (record,) = log.records
    assert "c.example" in record.getMessage() and "rubbish" not in record.getMessage()


def test_a_path_goes_before_a_text(tmp_path):
    (tmp_path / "key").write_text(RSA_TEXT)
    keys = PrivateKeys()
    assert keys.find(str(tmp_path / "key"), SEED_TEXT, "x").kind == "rsa"
    assert keys.find("", SEED_TEXT, "x").kind == "ed25519"


def test_memory_is_bounded(tmp_path):
    keys = PrivateKeys(size=3)
    for number in range(10):
        keys.in_file(str(tmp_path / str(number)))
        keys.in_text(str(number), "x")
    assert (len(keys.files), len(keys.texts)) == (3, 3)


def test_a_damaged_key_is_refused_although_its_numbers_are_not_proven_prime(tmp_path, log):
    der = bytearray(base64.b64decode("".join(RSA_TEXT.splitlines()[1:-1])))
    at = 60  # inside the modulus
    der[at] ^= 0xFF
    (tmp_path / "key").write_bytes(bytes(der))
    assert PrivateKeys().in_file(str(tmp_path / "key")) is None
    assert "what it signs does not verify" in log.text
