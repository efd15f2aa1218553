# SPDX-License-Identifier: Apache-2.0
"""DKIM signing: does our domain put its name to this letter?

Who is signed for, and with which keys, is decided in ``scan/signing.py``, which ARC shares;
here the keys are read, compared with what is published if that is wanted, and the letter signed.
A key that is missing or wrong is logged, and the letter goes on without that signature.

Source: direction-modules reference §6.
"""

from __future__ import annotations

import logging

from gatepost.authn import (
    DEFAULT_SIGN_HEADERS,
    Letter,
    PrivateKey,
    PrivateKeys,
    SignHeaders,
    SigningError,
    sign_dkim,
)
from gatepost.authn import SigningOptions as SignatureOptions
from gatepost.scan.module import (
    Adapt,
    Direction,
    Hits,
    Module,
    Ruling,
    Setup,
    Stage,
    Symbol,
    runs,
)
from gatepost.scan.signing import Signing
from gatepost.scan.signing_keys import SigningKey
from gatepost.scan.signing_options import SigningOptions
from gatepost.scan.task import Task


class DkimSigning(Module):
    """Signs what our own users and machines send."""

    name = "dkim_signing"
    group = "dkim"
    outbound = Adapt(
        "signs for the sender's domain",
        inbound="skip",
        override=("sign_local", "sign_authenticated", "sign_inbound", "sign_networks"),
    )

    SIGNED = Symbol("DKIM_SIGNED", 0.0, "Signed by us", option="symbol")

    class Options(SigningOptions, frozen=True):
        """``sign_headers`` as in Rspamd: ``(o)`` always one more than there are, ``(x)`` only
        where there are any. ``use_milter_headers``: for MTAs that know no ``dkim-signature``."""

        symbol: str = "DKIM_SIGNED"
        sign_headers: str | None = None
        use_milter_headers: bool = False

    options: Options

    def prepare(self, setup: Setup) -> None:
        """Opens the maps, reads the list of headers."""
        self.signing = Signing(
            self.options,
            setup,
            folder="dkim",
            variables=("dkim_key", "dkim_selector"),
            rejected="R_DKIM_REJECT",
        )
        self.keys = PrivateKeys()
        self.headers = self._sign_headers(setup)

    def ruling(self, direction: Direction) -> Ruling:
        """What is signed depends on the ``sign_…`` options, not on ``check_local``."""
        return self.signing.ruling(direction)

    @runs(
        Stage.FILTER,
        callback="DKIM_SIGNED",
        after=("DKIM_CHECK", "DMARC_MUNGED"),
        ignore_passthrough=True,
        empty=True,
    )
    async def check(self, task: Task) -> Hits:
        """One signature for each key."""
        for chosen in await self.signing.choose(task):
            key = self._key(chosen)
            if key is not None:
                signature = self._sign(task, key, chosen)
                if signature is not None:
                    self._give(task, signature)
                    yield self.SIGNED(f"{chosen.domain}:s={chosen.selector}")

    def _key(self, chosen: SigningKey) -> PrivateKey | None:
        if chosen.path:
            return self.keys.in_file(chosen.path)
        return self.keys.in_text(chosen.text, f"{chosen.selector}._domainkey.{chosen.domain}")

    def _sign(self, task: Task, key: PrivateKey, chosen: SigningKey) -> str | None:
        letter = task.variables.get("letter")
        if letter is None:
            letter = task.variables["letter"] = Letter.from_message(task.message)
        options = SignatureOptions(sign_headers=self.headers, expire=chosen.expire)
        try:
            return sign_dkim(
                letter, key, chosen.domain, chosen.selector, now=task.now, options=options
            )
        except SigningError as error:
            task.log(logging.ERROR, "not signed for %s: %s", chosen.domain, error)
            return None

    def _give(self, task: Task, signature: str) -> None:
        if self.options.use_milter_headers:
            task.add_header("DKIM-Signature", signature, 1)
        else:
            task.dkim_signatures.append(signature)

    def _sign_headers(self, setup: Setup) -> SignHeaders:
        given = self.options.sign_headers or setup.config.section("dkim").get("sign_headers")
        if given is None:
            return DEFAULT_SIGN_HEADERS
        try:
            return SignHeaders.parse(str(given))
        except SigningError as error:
            setup.problem("sign_headers", str(error))
            return DEFAULT_SIGN_HEADERS
