"""Zip files are unpacked in memory, and whatever is hostile in them is refused."""

from __future__ import annotations

import io
import random
import stat
import struct
import warnings
import zipfile
from collections.abc import Callable
from contextlib import suppress

import pytest

from api.http.upload.file_names import MAX_FILES
from api.http.upload.zip_archive import MAX_DIRECTORY_BYTES, MAX_RATIO, ZipArchive
from jobs.core.errors.request import BodyTooLarge, InvalidInput, MalformedBody

ROOM = 10 * 1024**2
DEFLATED = zipfile.ZIP_DEFLATED


def entry(name: str, mode: int = 0, method: int = DEFLATED) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name)
    info.external_attr = mode << 16
    info.compress_type = method
    return info


def zipped(*entries: tuple[str | zipfile.ZipInfo, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", DEFLATED) as archive, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of names that come twice
        for name, content in entries:
            archive.writestr(name, content)
    return buffer.getvalue()


def unpacked(content: bytes, room: int = ROOM) -> dict[str, bytes]:
    archive = ZipArchive(content, room)
    files = archive.files()
    assert archive.unpacked_bytes == sum(map(len, files.values()))
    return files


def test_files_have_the_names_that_they_have_in_the_zip() -> None:
    content = zipped(
        ("site/", b""),
        ("site/index.html", b"<p>"),
        (entry("site/css/a b.css", stat.S_IFREG | 0o644), b"p{}" * 1000),
        (entry("größe.png", method=zipfile.ZIP_STORED), b"\x00"),
    )
    assert unpacked(content) == {
        "site/index.html": b"<p>",
        "site/css/a b.css": b"p{}" * 1000,
        "größe.png": b"\x00",
    }


def test_what_macos_adds_is_left_out() -> None:
    assert unpacked(zipped(("a.html", b"x"), ("__MACOSX/._a.html", b"fork"))) == {"a.html": b"x"}


def test_a_name_in_utf_8_is_read_even_if_the_zip_does_not_say_that_it_is() -> None:
    content = zipped(("größe.png", b"x"))
    for signature, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        at = content.index(signature) + offset
        content = content[:at] + b"\x00\x00" + content[at + 2 :]
    assert unpacked(content) == {"größe.png": b"x"}


def test_backslashes_of_windows_separate_folders() -> None:
    assert unpacked(zipped(("css\\a.css", b"x"))) == {"css/a.css": b"x"}


@pytest.mark.parametrize(
    "name",
    [
        "/etc/passwd",
        "../up",
        "a/../../up",
        "..\\up",
        "C:\\x/..",
        "a//b",
        "./a",
        "a?b",
        "a\x01",
        "x" * 201,
        "../",
    ],
)
def test_names_that_lead_out_of_the_upload_are_refused(name: str) -> None:
    with pytest.raises(InvalidInput, match="not a relative file name"):
        ZipArchive(zipped((name, b"x")), ROOM)


def test_a_name_with_a_null_byte_is_refused() -> None:
    content = zipped(("ab.png", b"x")).replace(b"ab.png", b"a\x00.png")
    with pytest.raises(InvalidInput, match="not a relative file name"):
        ZipArchive(content, ROOM)


@pytest.mark.parametrize("kind", [stat.S_IFLNK, stat.S_IFIFO, stat.S_IFCHR, stat.S_IFSOCK])
def test_links_and_devices_are_refused(kind: int) -> None:
    with pytest.raises(InvalidInput, match="link or a device"):
        ZipArchive(zipped((entry("a.png", kind | 0o777), b"/etc/passwd")), ROOM)


def test_encrypted_entries_are_refused() -> None:
    content = zipped(("a.png", b"x"))
    for signature, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        at = content.index(signature) + offset
        content = content[:at] + bytes([content[at] | 1]) + content[at + 1 :]
    with pytest.raises(InvalidInput, match="encrypted"):
        ZipArchive(content, ROOM)


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_only_deflate_is_unpacked(method: int) -> None:
    with pytest.raises(InvalidInput, match="other than Deflate"):
        ZipArchive(zipped((entry("a.png", method=method), b"x" * 100)), ROOM)


@pytest.mark.parametrize("second", ["a/b.png", "a\\b.png"])
def test_two_files_of_one_name_are_refused(second: str) -> None:
    with pytest.raises(InvalidInput, match=r"two files named 'a/b\.png'"):
        ZipArchive(zipped(("a/b.png", b"1"), (second, b"2")), ROOM)


def test_as_many_files_are_taken_as_from_a_form() -> None:
    files = [(f"{n}.png", b"") for n in range(MAX_FILES + 1)]
    assert len(unpacked(zipped(("a/", b""), *files))) == MAX_FILES + 1
    with pytest.raises(InvalidInput, match=f"more than {MAX_FILES} files"):
        ZipArchive(zipped(*files, ("more.png", b"")), ROOM)


def test_an_endless_list_of_entries_is_not_parsed() -> None:
    row = b"PK\x01\x02" + bytes(24) + struct.pack("<H", 1) + bytes(16) + b"a"
    rows = row * (MAX_DIRECTORY_BYTES // len(row) + 1)
    end = struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, 1, 1, len(rows), 0, 0)
    with pytest.raises(InvalidInput, match="too many entries"):
        ZipArchive(rows + end, ROOM)


def test_a_bomb_is_refused_before_it_is_unpacked() -> None:
    bomb = zipped(("a.html", b"\x00" * ROOM))
    assert len(bomb) * MAX_RATIO < ROOM
    with pytest.raises(BodyTooLarge, match=f"more than {MAX_RATIO} times"):
        ZipArchive(bomb, ROOM)
    with pytest.raises(BodyTooLarge, match=f"more than {ROOM - 1} bytes"):
        ZipArchive(bomb, ROOM - 1)


def test_entries_that_share_their_bytes_count_each() -> None:
    content = zipped(("a.png", random.Random(1).randbytes(1000)), ("b.png", b""))
    row = content[
        content.index(b"PK\x01\x02") : content.index(b"PK\x01\x02", content.index(b"PK\x01\x02") + 1)
    ]
    start = content.index(b"PK\x01\x02")
    names = [b"%05d" % n for n in range(150)]
    rows = b"".join(row.replace(b"a.png", name) for name in names)
    end = struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, 150, 150, len(rows), start, 0)
    with pytest.raises(BodyTooLarge, match="more than 149999 bytes"):
        ZipArchive(content[:start] + rows + end, 149_999)


def sizes_of(content: bytes, change: Callable[[int], int]) -> bytes:
    """Returns the zip with another size of its first file in its list of entries."""
    at = content.index(b"PK\x01\x02") + 24
    (size,) = struct.unpack_from("<L", content, at)
    return content[:at] + struct.pack("<L", change(size)) + content[at + 4 :]


@pytest.mark.parametrize("change", [lambda size: size - 1, lambda size: size + 1, lambda size: 1])
def test_a_file_that_is_larger_or_smaller_than_it_says_is_refused(change: Callable[[int], int]) -> None:
    archive = ZipArchive(sizes_of(zipped(("a.html", b"ab" * 5000)), change), ROOM)
    with pytest.raises(MalformedBody, match="damaged"):
        archive.files()


@pytest.mark.parametrize("content", [b"<p>", b"PK\x03\x04", b"PK\x05\x06" + bytes(10), b"x" * 100])
def test_what_is_no_zip_is_called_that(content: bytes) -> None:
    with pytest.raises(MalformedBody, match="damaged, or is none"):
        ZipArchive(content, ROOM)


def test_an_empty_zip_has_no_files() -> None:
    assert unpacked(zipped()) == {}


def test_every_damage_is_a_refusal_or_does_no_harm() -> None:
    chance = random.Random(7)
    whole = zipped(("index.html", b"<p>" * 50), ("css/a.css", b"p{}" * 50), ("a/", b""))
    for _ in range(3000):
        content = bytearray(whole)
        for _ in range(chance.randint(1, 4)):
            content[chance.randrange(len(content))] = chance.choice([0, 1, 0x7F, 0xFF, chance.randrange(256)])
        if chance.random() < 0.2:
            del content[chance.randrange(len(content)) :]
        files: dict[str, bytes] = {}
        with suppress(InvalidInput, MalformedBody, BodyTooLarge):
            files = unpacked(bytes(content), 10_000)
        assert sum(map(len, files.values())) <= 10_000
