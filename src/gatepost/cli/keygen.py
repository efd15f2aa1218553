# SPDX-License-Identifier: Apache-2.0
"""``gatepost keygen dkim``: makes a signing key and prints the record for the DNS."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from gatepost.authn import GeneratedKey, PrivateKeyError, generate_key
from gatepost.cli.errors import CliError, UsageError
from gatepost.net import find_query_name

OWNER_ONLY = 0o600


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The kind of key (``dkim``) and its own options."""
    parser.description = "Makes keys. `gatepost keygen dkim --help` says more."
    kinds = parser.add_subparsers(dest="kind", metavar="KIND", required=True)
    dkim = kinds.add_parser(
        "dkim",
        help="a key that signs mail",
        description=(
            "Makes a DKIM key and prints the record to publish. Without -k the private key "
            "is printed before it."
        ),
    )
    dkim.add_argument("-d", "--domain", default="example.com", help="the domain that signs")
    dkim.add_argument("-s", "--selector", default="mail", help="the name of the key there")
    dkim.add_argument(
        "-t", "--type", default="rsa", choices=("rsa", "ed25519", "ed25519-seed"), help="its kind"
    )
    dkim.add_argument("-b", "--bits", type=int, default=2048, help="bits of an RSA key")
    dkim.add_argument("-k", "--privkey", metavar="FILE", help="where the private key goes")
    dkim.add_argument("-f", "--force", action="store_true", help="replace FILE if it is there")
    dkim.add_argument(
        "-o",
        "--output",
        default="dns",
        choices=("dns", "dnskey", "plain"),
        help="the record as a line of a zone file, its text, or the key alone",
    )


def run(args: argparse.Namespace) -> int:
    """0; a key that cannot be made or written is an error."""
    place = find_query_name(f"{args.selector}._domainkey.{args.domain}")
    if place is None:
        raise UsageError(f"no key can be published for {args.selector!r} of {args.domain!r}")
    selector, _, domain = place.partition("._domainkey.")
    try:
        made = generate_key(args.type, args.bits)
    except PrivateKeyError as error:
        raise CliError(str(error)) from error
    if args.privkey is None:
        sys.stdout.write(made.private_text)
    else:
        write_private(Path(args.privkey), made, replace=args.force)
    print(made.record(domain, selector, args.output))
    return 0


def write_private(path: Path, made: GeneratedKey, *, replace: bool) -> None:
    """Writes a key that only its owner may read. Raises ``CliError``.

    A key that is in use is not replaced by accident, and never half-written.
    """
    fresh = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, OWNER_ONLY)
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(made.private_text)
        if replace:
            fresh.replace(path)
        else:
            os.link(fresh, path)
            fresh.unlink()
    except FileExistsError:
        fresh.unlink(missing_ok=True)
        raise CliError(f"{path} exists; --force replaces it") from None
    except OSError as error:
        fresh.unlink(missing_ok=True)
        raise CliError(f"{path}: {error.strerror}") from error
