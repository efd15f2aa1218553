# SPDX-License-Identifier: Apache-2.0
"""What a caller of the authentication room cannot go on with.

    GatepostError
    └── AuthnError
        ├── PrivateKeyError   a private key that cannot be read, or that may not sign mail
        └── SigningError      a signature that was asked for in terms that no RFC allows

What is wrong with somebody's mail or DNS is never an exception: it is an outcome in RFC words.
"""

from gatepost.errors import GatepostError


class AuthnError(GatepostError):
    """Anything this room cannot go on with."""


class PrivateKeyError(AuthnError):
    """A private key that is no key, is locked, is of an unknown kind, or is too short to sign."""


class SigningError(AuthnError):
    """A domain, selector, identity or list of headers that a signature cannot have."""
