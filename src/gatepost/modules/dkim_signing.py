# SPDX-License-Identifier: Apache-2.0
"""DKIM signing: does our domain put its name to this letter?

Who is signed for, and with which keys, is decided in ``scan/signing.py``, which ARC shares;
here the keys are read, compared with what is published if that is wanted, and the letter signed.
A key that is missing or wrong is logged, and the letter goes on without that signature.

Source: direction-modules reference §6.
"""

from __future__ import annotations

import logging
from functools import partial

from gatepost.authn import (
    DEFAULT_SIGN_HEADERS,
    Letter,
    PrivateKey,
    PrivateKeys,
    PublishedKeys,
    SignHeaders,
    SigningError,
    has_signed,
    shared_letter,
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
from gatepost.scan.outgoing_header import outgoing_header
from gatepost.scan.signing import Signing
from gatepost.scan.signing_eligibility import decline
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
        """Those of every signing, and these."""

        symbol: str = "DKIM_SIGNED"
        """What the symbol is called."""
        sign_headers: str | None = None
        """Header names with colons between; `(o)` signs one more than there are, `(x)` if any."""
        use_milter_headers: bool = False
        """Give the signature as a header to add, for an MTA that knows no `dkim-signature`."""

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
        self.published = PublishedKeys()
        self.headers = self._sign_headers(setup)
        self.signing.check_files(setup, self.keys.look)

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
        """One signature for each key, unless that key's is on the letter already."""
        letter: Letter | None = None
        for chosen in await self.signing.choose(task):
            key = self.keys.find(chosen.path, chosen.text, chosen.name)
            if key is None or not await self._may_use(task, key, chosen):
                continue
            if letter is None:
                letter = shared_letter(task.message, task.variables, outgoing_header(task))
            signature = self._sign(task, letter, key, chosen)
            if signature is not None:
                self._give(task, signature)
                yield self.SIGNED(f"{chosen.domain}:s={chosen.selector}")

    def _sign(self, task: Task, letter: Letter, key: PrivateKey, chosen: SigningKey) -> str | None:
        domain, selector = chosen.domain, chosen.selector
        if has_signed(letter, key, domain, selector, now=task.now):
            decline(task, "our signature for %s is on it", domain)
            return None
        options = SignatureOptions(sign_headers=self.headers, expire=chosen.expire)
        try:
            return sign_dkim(letter, key, domain, selector, now=task.now, options=options)
        except SigningError as error:
            task.log(logging.ERROR, "not signed: %s", error)
            return None

    async def _may_use(self, task: Task, key: PrivateKey, chosen: SigningKey) -> bool:
        have = partial(self.published.have, key, chosen.domain, chosen.selector, now=task.now)
        return await self.signing.may_use(task, have)

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
