# SPDX-License-Identifier: Apache-2.0
"""What can be said of a URL besides its parts? Rspamd's flag names (content reference §1.8).

Flags are plain strings, as ``URL-Format: extended`` and selectors show them.
"""

from __future__ import annotations

# What it pretends
PHISHED = "phished"
HTML_DISPLAYED = "html_displayed"
DISPLAY_URL = "display_url"
OBSCURED = "obscured"
ZW_SPACES = "zw_spaces"
UNNORMALISED = "unnormalised"
# What its parts are
NUMERIC = "numeric"
NO_TLD = "no_tld"
IDN = "idn"
HAS_PORT = "has_port"
HAS_USER = "has_user"
SCHEMALESS = "schemaless"
MISSING_SLASHES = "missing_slashes"
SCHEMA_ENCODED = "schema_encoded"
HOST_ENCODED = "host_encoded"
PATH_ENCODED = "path_encoded"
QUERY_ENCODED = "query_encoded"
TRUNCATED = "truncated"
# Where it comes from
FROM_TEXT = "from_text"
SUBJECT = "subject"
QUERY = "query"
IMAGE = "image"
CONTENT = "content"
INVISIBLE = "invisible"
REDIRECTED = "redirected"
REDIRECT_TARGET = "redirect_target"
SPECIAL = "special"

URL_FLAGS = frozenset(
    value for name, value in vars().items() if name.isupper() and isinstance(value, str)
)
NO_FLAGS: frozenset[str] = frozenset()
