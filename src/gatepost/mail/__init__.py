# SPDX-License-Identifier: Apache-2.0
"""Bytes → letter: MIME, headers, text, HTML, URLs, Received, archives. No I/O, never raises."""

from gatepost.mail.addresses import Address, parse_address, parse_addresses
from gatepost.mail.archives import Archive, ArchiveFile
from gatepost.mail.content_type import ContentType, Disposition, parse_content_type
from gatepost.mail.dates import parse_date
from gatepost.mail.encoded_words import decode_value
from gatepost.mail.filetype import FileType
from gatepost.mail.headers import Header, Headers
from gatepost.mail.html import Html, Link
from gatepost.mail.limits import Limits
from gatepost.mail.message import Message
from gatepost.mail.part import Part
from gatepost.mail.public_suffix import registrable_domain
from gatepost.mail.received import ReceivedHop, parse_received
from gatepost.mail.text import TextPart, TextStatistics
from gatepost.mail.urls import Url, UrlSet
from gatepost.mail.words import Words, split_words

__all__ = [
    "Address",
    "Archive",
    "ArchiveFile",
    "ContentType",
    "Disposition",
    "FileType",
    "Header",
    "Headers",
    "Html",
    "Limits",
    "Link",
    "Message",
    "Part",
    "ReceivedHop",
    "TextPart",
    "TextStatistics",
    "Url",
    "UrlSet",
    "Words",
    "decode_value",
    "parse_address",
    "parse_addresses",
    "parse_content_type",
    "parse_date",
    "parse_received",
    "registrable_domain",
    "split_words",
]
