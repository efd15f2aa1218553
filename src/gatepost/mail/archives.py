# SPDX-License-Identifier: Apache-2.0
"""What is inside an archive, by its own list of members? Nothing is ever unpacked.

Source: content reference §1.12. Zip, RAR, 7z and gzip as Rspamd; tar as well.
"""

from __future__ import annotations

from collections.abc import Callable

from gatepost.mail.archive_7z import list_7z
from gatepost.mail.archive_listing import Archive, ArchiveFile, Listing
from gatepost.mail.archive_rar import list_rar
from gatepost.mail.archive_tar import list_gzip, list_tar
from gatepost.mail.archive_zip import list_zip
from gatepost.mail.filetype import FileType
from gatepost.mail.limits import Limits

__all__ = ["Archive", "ArchiveFile", "list_archive"]

READERS: dict[str, Callable[[bytes, Listing], None]] = {
    "zip": list_zip,
    "jar": list_zip,
    "apk": list_zip,
    "xpi": list_zip,
    "rar": list_rar,
    "7z": list_7z,
    "tar": list_tar,
}


def list_archive(
    data: bytes, filetype: FileType, limits: Limits, *, filename: str | None = None
) -> Archive:
    """The members of an archive of this type, at most ``limits.max_archive_files``.

    ``filename`` names the member of a gzip that has no name inside. A type without a reader
    gives an empty listing that is not called unreadable: it is not known to be hiding anything.
    Never raises.
    """
    listing = Listing(filetype.extension, limits.max_archive_files)
    if filetype.extension == "gz":
        list_gzip(data, listing, filename)
    elif (read := READERS.get(filetype.extension)) is not None:
        read(data, listing)
    return listing.finish()
