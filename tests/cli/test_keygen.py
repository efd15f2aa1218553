# SPDX-License-Identifier: Apache-2.0
"""``gatepost keygen dkim``: a key that signs, and a record that fits it."""

import re
import stat

import pytest

from gatepost.authn import KeyRecord, load_private_key, parse_key_record
from gatepost.cli import main


@pytest.mark.parametrize(
    "args, kind, bits",
    [
        ([], "rsa", 2048),
        (["-t", "rsa", "-b", "1024"], "rsa", 1024),
        (["-t", "ed25519"], "ed25519", 256),
        (["--type", "ed25519-seed"], "ed25519", 256),
    ],
)
def test_the_record_is_that_of_the_key(tmp_path, capsys, args, kind, bits):
    path = tmp_path / "key"
    assert main(["keygen", "dkim", "-d", "example.org", "-s", "s1", "-k", str(path), *args]) == 0
    key = load_private_key(path.read_bytes())
    assert (key.kind, key.bits) == (kind, bits)
    line = capsys.readouterr().out
    assert line.startswith("s1._domainkey.example.org. IN TXT ( ")
    strings = re.findall(r'"([^"]*)"', line)
    record = parse_key_record("".join(strings).encode())
    assert isinstance(record, KeyRecord) and record.matches(key)
    assert all(len(string) <= 255 for string in strings)


def test_without_a_file_the_key_is_printed_first(capsys):
    assert main(["keygen", "dkim", "-t", "ed25519", "-o", "plain"]) == 0
    text = capsys.readouterr().out
    key = load_private_key(text)
    assert text.startswith("-----BEGIN PRIVATE KEY-----\n") and len(key.public) == 32


def test_only_the_record_text(tmp_path, capsys):
    path = str(tmp_path / "key")
    main(["keygen", "dkim", "-t", "ed25519", "-o", "dnskey", "-k", path])
    assert capsys.readouterr().out.startswith("v=DKIM1; k=ed25519; p=")


def test_a_key_is_its_owners_alone_and_never_replaced_by_accident(tmp_path, capsys):
    path = tmp_path / "key"
    command = ["keygen", "dkim", "-t", "ed25519", "-k", str(path)]
    assert main(command) == 0
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    first = path.read_text()
    assert main(command) == 1
    assert "--force" in capsys.readouterr().err and path.read_text() == first
    assert main([*command, "--force"]) == 0
    assert path.read_text() != first
    assert [entry.name for entry in tmp_path.iterdir()] == ["key"]


@pytest.mark.parametrize(
    "args, code",
    [
        (["-b", "512"], 1),
        (["-b", "100000"], 1),
        (["-b", "many"], 2),
        (["-t", "dsa"], 2),
        (["-d", "a b"], 2),
        (["-s", "x" * 64], 2),
        (["-k", "/nowhere/key"], 1),
    ],
)
def test_what_cannot_be_made(args, code, capsys):
    assert main(["keygen", "dkim", "-t", "rsa", *args]) == code
    assert capsys.readouterr().err


def test_a_name_of_letters_beyond_ascii_is_written_as_the_dns_has_it(capsys):
    main(["keygen", "dkim", "-t", "ed25519", "-d", "München.example"])
    assert "mail._domainkey.xn--mnchen-3ya.example. IN TXT" in capsys.readouterr().out
