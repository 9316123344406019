"""Reads CMaps: which text, or which CID, each character code is (ISO 32000-1, 9.7.5 and 9.10.3)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from pikepdf import Stream

_SECTION = re.compile(
    rb"begin(bfchar|bfrange|cidchar|cidrange)(.*?)end(?:bfchar|bfrange|cidchar|cidrange)", re.DOTALL
)
_TOKEN = re.compile(rb"<([0-9A-Fa-f\s]*)>|(\[)|(\])|(\d+)")
_MAX_RANGE = 65_536


def to_unicode(stream: Stream) -> Mapping[int, str]:
    """Returns the text of each code of a ToUnicode CMap."""
    texts: dict[int, str] = {}
    for kind, tokens in _sections(stream.read_bytes()):
        if kind == "bfchar":
            for code, text in zip(tokens[::2], tokens[1::2], strict=False):
                if isinstance(code, bytes) and isinstance(text, bytes):
                    texts[_number(code)] = _text(text)
        elif kind == "bfrange":
            _add_ranges(texts, tokens)
    return texts


def to_cid(stream: Stream) -> Mapping[int, int]:
    """Returns the CID of each code of a CMap."""
    cids: dict[int, int] = {}
    for kind, tokens in _sections(stream.read_bytes()):
        if kind == "cidchar":
            for code, cid in zip(tokens[::2], tokens[1::2], strict=False):
                if isinstance(code, bytes) and isinstance(cid, int):
                    cids[_number(code)] = cid
        elif kind == "cidrange":
            for first, last, cid in zip(tokens[::3], tokens[1::3], tokens[2::3], strict=False):
                if isinstance(first, bytes) and isinstance(last, bytes) and isinstance(cid, int):
                    codes = range(_number(first), min(_number(last), _number(first) + _MAX_RANGE) + 1)
                    cids.update({code: cid + at for at, code in enumerate(codes)})
    return cids


def _sections(data: bytes) -> Iterator[tuple[str, list[bytes | int | str]]]:
    for section in _SECTION.finditer(data):
        tokens: list[bytes | int | str] = []
        for found in _TOKEN.finditer(section[2]):
            digits, opening, closing, number = found.groups()
            if digits is not None:
                text = b"".join(digits.split()).decode()
                tokens.append(bytes.fromhex(text + "0" * (len(text) % 2)))
            else:
                tokens.append("[" if opening else "]" if closing else int(number))
        yield section[1].decode(), tokens


def _add_ranges(texts: dict[int, str], tokens: list[bytes | int | str]) -> None:
    """Adds ranges, which give the text of the first code, or a list with one for each."""
    waiting = iter(tokens)
    for first in waiting:
        last, text = next(waiting, None), next(waiting, None)
        if not isinstance(first, bytes) or not isinstance(last, bytes):
            return
        codes = range(_number(first), min(_number(last), _number(first) + _MAX_RANGE) + 1)
        if isinstance(text, bytes):
            head, tail = text[:-2], _number(text[-2:])
            for at, code in enumerate(codes):
                texts[code] = _text(head + ((tail + at) & 0xFFFF).to_bytes(2))
        elif text == "[":
            for code in codes:
                item = next(waiting, "]")
                if not isinstance(item, bytes):
                    break
                texts[code] = _text(item)
            else:
                next(waiting, None)


def _number(data: bytes) -> int:
    return int.from_bytes(data)


def _text(data: bytes) -> str:
    return data.decode("utf-16-be", "replace")
