"""Documents that attack a renderer, sorted by the outcome that is expected of each."""

from __future__ import annotations

import base64
import io
import struct
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from PIL import Image

from testsupport.documents import NESTED_FLEX

MIB = 1024 * 1024


@dataclass(frozen=True)
class Hostile:
    """A hostile document. It is made when it is used, because some are large."""

    name: str
    document: Callable[[], str]
    format: Literal["html", "markdown"] = "html"
    files: Mapping[str, bytes] = field(default_factory=dict)


def _image(kind: str, content: bytes) -> str:
    return f'<img alt="" src="data:image/{kind};base64,{base64.b64encode(content).decode()}"><p>still here'


def _saved(kind: str, mode: str, width: int, height: int) -> bytes:
    Image.new(mode, (width, height)).save(buffer := io.BytesIO(), kind)
    return buffer.getvalue()


def _zeros(mebibytes: int) -> bytes:
    """Zeros, deflated to about a thousandth of their size."""
    deflate = zlib.compressobj(9)
    return b"".join([*(deflate.compress(bytes(MIB)) for _ in range(mebibytes)), deflate.flush()])


def _png_with(chunk: bytes, content: bytes) -> bytes:
    """A valid small PNG with one more chunk after its header."""
    png = _saved("PNG", "RGB", 9, 9)
    end = 33
    checksum = zlib.crc32(chunk + content)
    return (
        png[:end]
        + struct.pack(">I", len(content))
        + chunk
        + content
        + struct.pack(">I", checksum)
        + png[end:]
    )


def _jpeg_of_4_gigapixels() -> bytes:
    jpeg = bytearray(_saved("JPEG", "RGB", 16, 16))
    frame = jpeg.index(b"\xff\xc0")
    jpeg[frame + 5 : frame + 9] = struct.pack(">HH", 65500, 65500)
    return bytes(jpeg)


def _svg(inside: str, doctype: str = "") -> str:
    return f"{doctype}<svg xmlns='http://www.w3.org/2000/svg' width='9' height='9'>{inside}</svg>"


def _svg_image(inside: str, doctype: str = "") -> str:
    return _image("svg+xml", _svg(inside, doctype).encode())


def _entities() -> str:
    """A "billion laughs" attack: each entity is ten times the one before."""
    grown = "".join(f"<!ENTITY e{n + 1} '{f'&e{n};' * 10}'>" for n in range(12))
    return f"<!DOCTYPE svg [<!ENTITY e0 'ha'>{grown}]>"


def _uses() -> str:
    grown = "".join(f"<g id='g{n}'>{f'''<use href='#g{n + 1}'/>''' * 10}</g>" for n in range(9))
    return f"{grown}<rect id='g9' width='1' height='1'/>"


def _font(content: bytes) -> str:
    source = base64.b64encode(content).decode()
    face = f"@font-face {{ font-family: f; src: url(data:font/woff;base64,{source}) }}"
    return f"<style>{face} p {{ font-family: f }}</style><p>x"


def _woff_of(mebibytes: int) -> bytes:
    table = _zeros(mebibytes)
    head = struct.pack(
        ">4sIIHHIHHIIIII", b"wOFF", 0x10000, 64 + len(table), 1, 0, mebibytes * MIB, 1, 0, 0, 0, 0, 0, 0
    )
    return head + struct.pack(">4sIIII", b"glyf", 64, len(table), mebibytes * MIB, 0) + table


def _variables() -> str:
    grown = "".join(f"--a{n + 1}: {f'var(--a{n}) ' * 10};" for n in range(12))
    return f"<style>p {{ --a0: x; {grown} font-family: var(--a12) }}</style><p>x"


def _style(css: str) -> str:
    return f"<style>{css}</style><p>x"


def _doubled() -> str:
    """YAML, each line of which is two of the line before."""
    return "\n".join(f"a{n + 1}: &a{n + 1} [*a{n}, *a{n}]" for n in range(60))


def _numbered(css: str) -> str:
    return (
        f"<style>@counter-style s {{ {css} }} ol {{ list-style: s }}</style><ol start=2000000000><li>x</ol>"
    )


def _blown_up(name: str, part: str, last: bytes) -> dict[str, bytes]:
    """Twelve files, each of which names the next one ten times."""
    return {
        **{name.format(n): (part.format(name.format(n + 1)) * 10).encode() for n in range(12)},
        name.format(12): last,
    }


OUT_OF_TIME = (
    Hostile("nested flex containers", lambda: NESTED_FLEX),
    Hostile("10,000 pages", lambda: "<p style='break-after:page'>x" * 10_000),
    Hostile(
        "pages smaller than their margins",
        lambda: _style("@page { size: 10mm; margin: 100mm }") + "word " * 9000,
    ),
    Hostile("100,000 nested elements", lambda: "<div>" * 100_000),
    Hostile(
        "300,000 CSS rules that differ",
        lambda: _style("".join(f".c{n}{{color:red}}" for n in range(300_000))),
    ),
    Hostile("variables that grow tenfold", _variables),
    Hostile("SVG uses that grow tenfold", lambda: _svg_image(_uses())),
    Hostile("300,000 accents on one letter", lambda: "<p>x" + "\u0301" * 300_000),
    Hostile("a million angle brackets", lambda: "<" * 1_000_000),
    Hostile("300,000 attributes", lambda: f"<p {' '.join(f'a{n}=x' for n in range(300_000))}>x"),
    Hostile("50,000 nested links in Markdown", lambda: "[a](" * 50_000, format="markdown"),
    Hostile(
        "ten megabytes of code in Markdown",
        lambda: f"```python\n{'x = (1, None)  # y' * 600_000}\n```",
        format="markdown",
    ),
    Hostile(
        "imports that grow tenfold",
        lambda: "<link rel=stylesheet href=c0.css>x",
        files=_blown_up("c{}.css", "@import '{}';", b"p { color: red }"),
    ),
    Hostile(
        "stylesheets that import each other",
        lambda: "<link rel=stylesheet href=a.css>x",
        files={"a.css": b"@import 'b.css'; @import 'b.css';", "b.css": b"@import 'a.css'; @import 'a.css';"},
    ),
)
"""Stopped at the deadline: they take far longer than they may, some of them for ever."""

OUT_OF_MEMORY = (
    Hostile("an image of 60 megapixels", lambda: _image("gif", _saved("GIF", "P", 8000, 7500))),
    Hostile("a million CSS rules", lambda: _style("p{color:red}" * 1_000_000)),
    Hostile("a cell that spans a billion columns", lambda: "<table><tr><td colspan=1000000000>x</table>"),
    Hostile("a column that spans a billion", lambda: "<table><col span=1000000000><tr><td>x</table>"),
    Hostile(
        "a grid line a billion away",
        lambda: "<div style='display:grid'><p style='grid-row:1000000000'>x</div>",
    ),
    Hostile(
        "a number padded to a billion",
        lambda: _numbered("system: numeric; symbols: '0' '1'; pad: 1000000000 'x'"),
    ),
    Hostile("a font of 320 MiB in 320 KiB", lambda: _font(_woff_of(320))),
    Hostile(
        "a dotted line of a thousand kilometres",
        lambda: "<style>p { width: 1e9px } p::after { content: leader('.') }</style><p>x",
    ),
)
"""Stopped at the memory limit, at once or after a while."""

FAILED = (
    Hostile("1,500 nested elements", lambda: "<div>" * 1500),
    Hostile("nested tables", lambda: "<table><tr><td>" * 60),
    Hostile("nested floats", lambda: "<div style='float:left'>" * 500),
    Hostile("nested rules", lambda: _style("a{" * 20_000)),
    Hostile("nested functions", lambda: _style(f"p {{ width: {'calc(' * 20_000}1px }}")),
    Hostile("nested selectors", lambda: _style(f"{':is(' * 5000}p{')' * 5000} {{ color: red }}")),
    Hostile("letters beyond all sizes", lambda: "<p style='font-size:1e30px'>x"),
)
"""Fail with an error of the renderer, soon."""

UNDECODABLE = (
    Hostile("an image of 144 megapixels", lambda: _image("png", _saved("PNG", "1", 12_000, 12_000))),
    Hostile("an image that says 4 gigapixels", lambda: _image("jpeg", _jpeg_of_4_gigapixels())),
    Hostile("a billion laughs", lambda: _svg_image("<text>&e12;</text>", _entities())),
    Hostile(
        "an entity that is a file",
        lambda: _svg_image("<text>&x;</text>", "<!DOCTYPE svg [<!ENTITY x SYSTEM 'file:///etc/passwd'>]>"),
    ),
    Hostile("nested SVG groups", lambda: _svg_image("<g>" * 20_000 + "</g>" * 20_000)),
    Hostile(
        "SVG that uses itself",
        lambda: _svg_image("<g id='a'><use href='#b'/></g><g id='b'><use href='#a'/></g>"),
    ),
    Hostile(
        "a file of SVG that shows itself",
        lambda: "<img src=a.svg>x",
        files={"a.svg": _svg("<image href='a.svg' width='9' height='9'/>").encode()},
    ),
)
"""Rendered without the image."""

HARMLESS = (
    Hostile(
        "front matter that doubles sixty times",
        lambda: f"---\na0: &a0 [x, x]\n{_doubled()}\n---\nx",
        format="markdown",
    ),
    Hostile(
        "a PNG with 200 MiB of text inside", lambda: _image("png", _png_with(b"zTXt", b"a\0\0" + _zeros(200)))
    ),
    Hostile(
        "a PNG with a colour profile of 200 MiB",
        lambda: _image("png", _png_with(b"iCCP", b"a\0\0" + _zeros(200))),
    ),
    Hostile(
        "a pattern filled with itself",
        lambda: _svg_image(
            "<pattern id='p' width='1' height='1'><rect width='9' "
            "height='9' fill='url(#p)'/></pattern><rect width='9' height='9' fill='url(#p)'/>"
        ),
    ),
    Hostile(
        "a gradient that is itself",
        lambda: _svg_image("<linearGradient id='p' href='#p'/><rect fill='url(#p)'/>"),
    ),
    Hostile(
        "dashes as fine as dust",
        lambda: _svg_image("<path d='M0 0L1e9 1e9' stroke='red' stroke-dasharray='1e-5'/>"),
    ),
    Hostile("a row that spans a billion", lambda: "<table><tr><td rowspan=1000000000>x</table>"),
    Hostile(
        "a two-billionth entry", lambda: "<ol start=2000000000 style='list-style:upper-roman'><li>x</ol>"
    ),
    Hostile("a sheet as large as a galaxy", lambda: _style("@page { size: 1e30mm 1e30mm }")),
    Hostile("a million columns", lambda: "<div style='columns:1000000'>x"),
    Hostile(
        "scripts, frames and a refresh",
        lambda: (
            "<script>while (true) {}</script><iframe src='http://127.0.0.1/'>"
            "</iframe><meta http-equiv=refresh content='0;url=file:///etc/passwd'>x"
        ),
    ),
    Hostile("20,000 nested quotations in Markdown", lambda: ">" * 20_000 + "x", format="markdown"),
    Hostile(
        "variables that mean each other",
        lambda: _style("p { --a: var(--b); --b: var(--a); color: var(--a) }"),
    ),
)
"""Rendered like any other document."""
