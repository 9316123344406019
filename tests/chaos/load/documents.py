"""Makes documents whose results can be told apart: each shows a word and a colour of its own."""

from __future__ import annotations

import io
import random
import re
import string

import pypdfium2
from PIL import Image

_WORD = re.compile(r"\bQX[A-Z]{8}\b")
TEMPLATE = "letter"
TEMPLATE_VERSIONS = {1: "QXVERSIONA", 2: "QXVERSIONB", 3: "QXVERSIONC"}
"""The word that every document of a version shows first."""
_PAGE = "<style>@page {{ size: A6; background: #{colour} }} p {{ white-space: nowrap }}</style>"


def word(rng: random.Random) -> str:
    return "QX" + "".join(rng.choices(string.ascii_uppercase, k=8))


def colour(rng: random.Random) -> str:
    return f"{rng.randrange(1 << 24):06x}"


def html(word: str, colour: str, *, rows: int = 0, padding: int = 0) -> str:
    """`rows` make it slow to render, `padding` (bytes) large to store."""
    table = "".join(f"<tr><td>{row}<td>{row * row}" for row in range(rows))
    return f"{_PAGE.format(colour=colour)}<p>{word}</p><table>{table}</table><!--{'x' * padding}-->"


def with_stylesheet(word: str) -> str:
    """A document whose colour and second word are in the file `look.css`."""
    return f'<link rel=stylesheet href="look.css"><p>{word}</p><p class=second></p>'


def stylesheet(word: str, colour: str) -> str:
    return f'@page {{ size: A6; background: #{colour} }} .second::after {{ content: "{word}" }}'


def template(version: int) -> str:
    page = _PAGE.format(colour="{{ colour }}")
    return f"{page}<p>{TEMPLATE_VERSIONS[version]}</p><p>{{{{ word }}}}</p>"


def words_of(pdf: bytes) -> tuple[str, ...]:
    """Returns the words of our form that a PDF shows, in order. Raises PdfiumError."""
    document = pypdfium2.PdfDocument(pdf)
    try:
        texts = [page.get_textpage().get_text_bounded() for page in document]
    finally:
        document.close()
    return tuple(_WORD.findall(" ".join(texts)))


def colour_of(picture: bytes) -> str:
    """Returns the colour of the upper left pixel."""
    with Image.open(io.BytesIO(picture)) as image:
        pixel = image.convert("RGB").getpixel((0, 0))
    assert isinstance(pixel, tuple)
    return "".join(f"{int(channel):02x}" for channel in pixel)
