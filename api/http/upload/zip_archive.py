"""Unpacks zip files that may be hostile. Nothing is written to the disk.

Everything is checked before the first file is unpacked: `ZipArchive` raises what is wrong, and
`unpacked_bytes` is how much memory `files` takes.
"""

from __future__ import annotations

import io
import stat
import struct
import zlib
from contextlib import suppress
from zipfile import ZIP_DEFLATED, ZIP_STORED, BadZipFile, ZipFile, ZipInfo

from api.http.upload.file_names import MAX_FILES, check_name, refused
from jobs.core.errors.request import BodyTooLarge, MalformedBody

MAX_DIRECTORY_BYTES = 1024**2
"""Of the list of entries. All of it is parsed before entries are counted: 20 MB for 20,000."""
MAX_RATIO = 200
"""Unpacked bytes for each byte of the zip. HTML and CSS have 5 to 60, and a bomb has 1000."""
_SMALL_BYTES = 1024**2
"""Less than this is no bomb, whatever its ratio."""

_ENCRYPTED = 0x1 | 0x40
_UTF8_NAME = 0x800
_RESOURCE_FORKS = "__MACOSX/"
"""The folder that macOS adds. It has no files of the document."""
_DAMAGED = (BadZipFile, zlib.error, struct.error, EOFError, NotImplementedError, ValueError, OverflowError)
"""What `zipfile` raises for bytes that are not a whole zip file."""


class ZipArchive:
    def __init__(self, content: bytes, max_unpacked_bytes: int) -> None:
        """Reads the list of entries, and checks it.

        Raises:
            MalformedBody: it is no zip file, or damaged.
            InvalidInput: it has too many files, or an entry that is not a plain file with an
                allowed name.
            BodyTooLarge: it would be larger than `max_unpacked_bytes`, or is a bomb.
        """
        buffer = _Buffer(content)
        try:
            self._archive = ZipFile(buffer)
        except _DAMAGED as error:
            raise _malformed(error) from None
        buffer.max_read_bytes = None
        self._names: dict[str, ZipInfo] = {}
        for entry in self._archive.infolist():
            self._add(entry)
        self.unpacked_bytes = sum(entry.file_size for entry in self._names.values())
        if self.unpacked_bytes > max_unpacked_bytes:
            raise BodyTooLarge(
                f"The files in the zip have more than {max_unpacked_bytes} bytes, the limit that "
                "PRESSRUN_MAX_BODY_BYTES sets."
            )
        if self.unpacked_bytes > max(_SMALL_BYTES, MAX_RATIO * len(content)):
            raise BodyTooLarge(
                f"The files in the zip have more than {MAX_RATIO} times the bytes of the zip, as zip bombs have. "
                "Send them without compression."
            )

    def files(self) -> dict[str, bytes]:
        """Returns the contents by name. Raises MalformedBody if one is damaged."""
        found: dict[str, bytes] = {}
        for name, entry in self._names.items():
            try:
                with self._archive.open(entry) as file:
                    content = file.read(entry.file_size)
                    is_whole = len(content) == entry.file_size and not file.read(1)
            except _DAMAGED as error:
                raise _malformed(error) from None
            if not is_whole:
                raise _malformed(f"{name[:50]!r} does not have the size that the list of entries says")
            found[name] = content
        return found

    def _add(self, entry: ZipInfo) -> None:
        name = _name(entry)
        mode = entry.external_attr >> 16
        if name.startswith(_RESOURCE_FORKS):
            return
        if name.endswith("/"):
            check_name(name.rstrip("/"))
            return
        check_name(name)
        if name in self._names:
            raise refused(f"there are two files named {name!r} in the zip")
        if stat.S_IFMT(mode) not in (0, stat.S_IFREG):
            raise refused(f"{name!r} in the zip is a link or a device. Only files and folders are taken")
        if entry.flag_bits & _ENCRYPTED:
            raise refused(f"{name!r} in the zip is encrypted. Send a zip without a password")
        if entry.compress_type not in (ZIP_STORED, ZIP_DEFLATED):
            raise refused(
                f"{name!r} in the zip is compressed by a method other than Deflate, which every zip program has"
            )
        if len(self._names) > MAX_FILES:
            raise refused(
                f"there are more than {MAX_FILES} files besides the document. Send only those that it refers to"
            )
        self._names[name] = entry


class _Buffer(io.BytesIO):
    """Bounds what `ZipFile` reads at once. It reads the whole list of entries at once."""

    max_read_bytes: int | None = MAX_DIRECTORY_BYTES

    def read(self, size: int | None = -1, /) -> bytes:
        if self.max_read_bytes is not None and size is not None and size > self.max_read_bytes:
            raise refused("the zip has too many entries")
        return super().read(size)


def _name(entry: ZipInfo) -> str:
    """Returns the name as its author sees it."""
    name = entry.orig_filename
    if not entry.flag_bits & _UTF8_NAME:  # macOS and others write UTF-8 without saying so
        with suppress(UnicodeError):
            name = name.encode("cp437").decode()
    return name.replace("\\", "/")  # some programs for Windows write backslashes


def _malformed(reason: object) -> MalformedBody:
    return MalformedBody(f"The zip file is damaged, or is none: {reason}.")
