# SPDX-License-Identifier: Apache-2.0
"""How much of one message is looked at, in bytes, counts and depth?

Every bound exists because somebody once sent the message that needed it. Names are those
of Rspamd's ``options`` section where it has one; the others are constants there.
Source: content reference §1.1.
"""

from __future__ import annotations

import msgspec

KIB = 1024
MIB = 1024 * KIB


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """The bounds of one message. What is beyond a bound is left out, never an error."""

    max_message: int = 50 * MIB
    """Bytes of a message whose structure is parsed; the rest is ignored, BROKEN_HEADERS."""
    max_depth: int = 64
    """Nesting of multiparts, messages and S/MIME."""
    max_parts: int = 10_000
    """MIME parts in a message, nested ones included."""
    max_boundaries: int = 100_000
    """Lines that begin with ``--``."""
    max_headers: int = 100_000
    """Header fields, all parts together."""
    max_parameters: int = 1024
    """Parameters of one Content-Type or Content-Disposition."""
    max_recipients: int = 1024
    """Addresses of one recipient list."""
    max_address_bytes: int = MIB
    """Bytes of an address header that are read: 1 KiB for each of ``max_recipients``."""

    max_received: int = 1024
    """Received headers that are parsed; SMTP loops end after 100 hops (RFC 5321 6.3)."""
    max_received_parts: int = 64
    max_received_comments: int = 64

    max_urls: int = 10_240
    """URLs kept for a message."""
    max_url_length: int = 32_767
    """Bytes of one URL; a longer one is cut and flagged."""
    max_url_text_ratio: int = 10
    """URL text found in a part, as a multiple of the length of its stripped text."""

    max_html_len: int = 10 * MIB
    max_html_tags: int = 8192
    max_tag_attributes: int = 128
    max_html_attributes: int = 65_536
    """Attributes in all tags of a message."""

    max_words: int = 100_000
    max_words_bytes: int = MIB
    words_decay: int = 600
    """Words of a part after which only some are kept."""

    max_alternative_search: int = 1_000_000
    """Parts visited while looking for the other half of a multipart/alternative."""

    max_archive_files: int = 100_000
    """Archive entries listed, whole message."""
