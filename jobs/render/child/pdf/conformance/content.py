"""Reads the content streams of all pages once: what they draw, with which resources, how marked.

Everything that a page uses is followed: form XObjects, patterns, glyphs of Type 3 fonts, and
appearances of annotations. Resources that nothing uses are not looked at.
"""

from __future__ import annotations

from collections.abc import Iterator, Set
from dataclasses import dataclass, field
from typing import Any, Literal
from unicodedata import category

import pikepdf
from pikepdf import Dictionary, Name, Stream

from jobs.render.child.pdf.conformance.cmaps import to_unicode
from jobs.render.child.pdf.conformance.objects import dictionary, identity, items, member, name, number, words

Marked = Literal["artifact", "real", None]
"""How content is marked: as an artifact, as real content of a structure element, or not at all."""

_DEVICE_COLORS = {
    "rg": "/DeviceRGB",
    "RG": "/DeviceRGB",
    "k": "/DeviceCMYK",
    "K": "/DeviceCMYK",
    "g": "/DeviceGray",
    "G": "/DeviceGray",
}
_TEXT = frozenset({"Tj", "TJ", "'", '"'})
_PAINTING = frozenset({"S", "s", "f", "F", "f*", "B", "B*", "b", "b*", "sh"}) | _TEXT
_PLACING = frozenset({"cm", "Td", "TD", "Tm", "re", "m", "l", "c", "v", "y"})
_OTHERS = words(
    "w J j M d ri i gs q Q h n W W* BT ET Tc Tw Tz TL Tf Tr Ts T* d0 d1 CS cs SC SCN sc scn Do MP DP "
    "BMC BDC EMC BX EX"
)
_KNOWN = _PAINTING | _PLACING | _OTHERS | frozenset(_DEVICE_COLORS)
"""The operators of ISO 32000-1, annex A, without those of inline images."""
_IDENTITY = ("Identity-H", "Identity-V")


@dataclass(slots=True)
class UsedFont:
    font: Dictionary
    page: int
    """The first page that uses it."""
    codes: set[int] = field(default_factory=set)
    """The character codes that are shown with it."""
    private: Set[int] = frozenset()
    """The codes whose text is in a Private Use Area of Unicode."""

    @property
    def is_composite(self) -> bool:
        return name(self.font.get("/Subtype")) == "Type0"

    @property
    def code_bytes(self) -> int:
        """The length of a code; 0 if it varies."""
        if not self.is_composite:
            return 1
        encoding = self.font.get("/Encoding")
        return 2 if isinstance(encoding, Stream) or name(encoding) in _IDENTITY else 0


@dataclass(slots=True)
class Content:
    """What one content stream has."""

    page: int
    stream: pikepdf.Object
    mcids: list[int] = field(default_factory=list)
    private: set[tuple[Marked, int | None]] = field(default_factory=set)
    """How text of Private Use Areas is marked that no `ActualText` replaces, and its MCID."""
    unmarked: str | None = None
    """The first operator that paints something that is neither real content nor an artifact."""
    artifact_in_real: bool = False
    real_in_artifact: bool = False
    unknown_operators: set[str] = field(default_factory=set)
    nesting: int = 0
    """How deeply graphics states are saved."""
    largest: float = 0
    """The largest absolute value of a coordinate."""

    @property
    def place(self) -> object:
        """What a tag names its content by: the page, or the form XObject."""
        return identity(self.stream) if isinstance(self.stream, Stream) else self.page


@dataclass(slots=True)
class Contents:
    """All content streams of a file, and the resources that they use with the first page."""

    streams: list[Content] = field(default_factory=list)
    fonts: dict[object, UsedFont] = field(default_factory=dict)
    xobjects: dict[object, tuple[Stream, int]] = field(default_factory=dict)
    forms_used: dict[object, int] = field(default_factory=dict)
    """How often each form XObject is drawn."""
    states: dict[object, tuple[Dictionary, int]] = field(default_factory=dict)
    color_spaces: list[tuple[Any, int, Any]] = field(default_factory=list)
    """Colour space, page, and the resources in which a default colour space may be."""
    shadings: list[tuple[Dictionary, int, Any]] = field(default_factory=list)
    inline_images: list[tuple[Dictionary, int]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Waiting:
    """A content stream that is to be read."""

    source: pikepdf.Object
    resources: Any
    page: int
    marked: Marked
    """How the place is marked at which it is drawn."""


def contents_of(document: pikepdf.Pdf) -> Contents:
    """Reads all content streams that the pages of the document use."""
    return _Reading().of_document(document)


class _Reading:
    def __init__(self) -> None:
        self._found = Contents()
        self._waiting: list[_Waiting] = []
        self._seen: set[object] = set()
        self._devices: set[object] = set()

    def of_document(self, document: pikepdf.Pdf) -> Contents:
        for page_number, page in enumerate(document.pages, 1):
            group = member(page.obj, "/Group", "/CS")
            if group is not None:
                self._found.color_spaces.append((group, page_number, page.obj.get("/Resources")))
            self._waiting.append(_Waiting(page.obj, page.resources, page_number, None))
            for annotation in items(page.obj.get("/Annots")):
                for stream in _appearances(member(annotation, "/AP")):
                    self._add(stream, None, page_number, "artifact")
            while self._waiting:
                self._read(self._waiting.pop())
        return self._found

    def _add(self, stream: Any, resources: Any, page: int, marked: Marked) -> None:
        if not isinstance(stream, Stream):
            return
        key = identity(stream), marked
        if key not in self._seen:
            self._seen.add(key)
            own = stream.get("/Resources")
            self._waiting.append(_Waiting(stream, resources if own is None else own, page, marked))

    def _read(self, waiting: _Waiting) -> None:
        content = Content(waiting.page, waiting.source)
        self._found.streams.append(content)
        try:
            instructions = pikepdf.parse_content_stream(waiting.source)
        except (pikepdf.PdfError, TypeError):
            return
        marks: list[tuple[Marked, int | None, bool]] = []
        marked, mcid, is_replaced = waiting.marked, None, False
        fonts: list[UsedFont | None] = []
        font: UsedFont | None = None
        resources = waiting.resources
        for instruction in instructions:
            operator = str(instruction.operator)
            if operator in _PAINTING:
                if marked is None and content.unmarked is None:
                    content.unmarked = operator
                if operator in _TEXT:
                    if font is not None:
                        codes = _codes(font, instruction.operands)
                        font.codes |= codes
                        if not is_replaced and not font.private.isdisjoint(codes):
                            content.private.add((marked, mcid))
                elif operator == "sh":
                    self._use_shading(resources, instruction.operands, waiting.page)
            elif operator in _PLACING:
                for value in instruction.operands:
                    size = abs(number(value) or 0)
                    if size > content.largest:
                        content.largest = size
            elif operator == "q":
                fonts.append(font)
                content.nesting = max(content.nesting, len(fonts))
            elif operator == "Q":
                font = fonts.pop() if fonts else None
            elif operator in _DEVICE_COLORS:
                self._use_device(_DEVICE_COLORS[operator], waiting.page, resources)
            elif operator in ("BDC", "BMC"):
                kind, number_of_tag, replaces = _mark(instruction.operands, resources)
                if number_of_tag is not None:
                    content.mcids.append(number_of_tag)
                content.artifact_in_real |= kind == "artifact" and marked == "real"
                content.real_in_artifact |= kind == "real" and marked == "artifact"
                marks.append((marked, mcid, is_replaced))
                marked, mcid = kind or marked, mcid if number_of_tag is None else number_of_tag
                is_replaced |= replaces
            elif operator == "EMC":
                marked, mcid, is_replaced = marks.pop() if marks else (waiting.marked, None, False)
            elif operator == "Tf":
                font = self._use_font(resources, instruction.operands, waiting.page) or font
            elif operator == "Do":
                self._draw(resources, instruction.operands, content, marked)
            elif operator == "gs":
                state = _resource(resources, "/ExtGState", instruction.operands)
                if isinstance(state, Dictionary):
                    self._found.states.setdefault(identity(state), (state, waiting.page))
                    self._add(member(state, "/SMask", "/G"), resources, waiting.page, "artifact")
            elif operator in ("cs", "CS"):
                self._use_color_space(resources, instruction.operands, waiting.page)
            elif operator in ("scn", "SCN"):
                self._use_pattern(resources, instruction.operands, waiting.page)
            elif isinstance(instruction, pikepdf.ContentStreamInlineImage):
                if marked is None and content.unmarked is None:
                    content.unmarked = operator
                image = dictionary(instruction.iimage.obj)
                if image is not None:
                    self._found.inline_images.append((image, waiting.page))
            elif operator not in _KNOWN:
                content.unknown_operators.add(operator)

    def _use_device(self, space: str, page: int, resources: Any) -> None:
        default = member(resources, "/ColorSpace", space.replace("Device", "Default"))
        key = space, default is None
        if key not in self._devices:
            self._devices.add(key)
            self._found.color_spaces.append((Name(space), page, resources))

    def _use_color_space(self, resources: Any, operands: Any, page: int) -> None:
        wanted = operands[0] if len(operands) else None
        if not isinstance(wanted, Name):
            return
        if str(wanted) in _DEVICE_COLORS.values():
            self._use_device(str(wanted), page, resources)
        elif (space := member(resources, "/ColorSpace", str(wanted))) is not None:
            self._found.color_spaces.append((space, page, resources))

    def _use_pattern(self, resources: Any, operands: Any, page: int) -> None:
        wanted = operands[-1] if len(operands) else None
        pattern = member(resources, "/Pattern", str(wanted)) if isinstance(wanted, Name) else None
        self._add(pattern, resources, page, "artifact")
        if isinstance(shading := dictionary(member(pattern, "/Shading")), Dictionary):
            self._found.shadings.append((shading, page, resources))

    def _use_shading(self, resources: Any, operands: Any, page: int) -> None:
        if (shading := dictionary(_resource(resources, "/Shading", operands))) is not None:
            self._found.shadings.append((shading, page, resources))

    def _use_font(self, resources: Any, operands: Any, page: int) -> UsedFont | None:
        font = _resource(resources, "/Font", operands)
        if not isinstance(font, Dictionary):
            return None
        key = identity(font)
        used = self._found.fonts.get(key)
        if used is None:
            used = self._found.fonts[key] = UsedFont(font, page, private=_private(font))
        glyphs = font.get("/CharProcs")
        if isinstance(glyphs, Dictionary):
            for glyph in glyphs.as_dict().values():
                self._add(glyph, font.get("/Resources", resources), page, "artifact")
        return used

    def _draw(self, resources: Any, operands: Any, content: Content, marked: Marked) -> None:
        drawn = _resource(resources, "/XObject", operands)
        if not isinstance(drawn, Stream):
            return
        key = identity(drawn)
        self._found.xobjects.setdefault(key, (drawn, content.page))
        if name(drawn.get("/Subtype")) == "Form":
            self._found.forms_used[key] = self._found.forms_used.get(key, 0) + 1
            if (space := member(drawn, "/Group", "/CS")) is not None:
                self._found.color_spaces.append((space, content.page, resources))
            self._add(drawn, resources, content.page, marked)
        else:
            if marked is None and content.unmarked is None:
                content.unmarked = "Do"
            if (space := drawn.get("/ColorSpace")) is not None:
                self._found.color_spaces.append((space, content.page, resources))
            if isinstance(mask := drawn.get("/SMask"), Stream):
                self._found.xobjects.setdefault(identity(mask), (mask, content.page))


def _resource(resources: Any, kind: str, operands: Any) -> Any:
    wanted = operands[0] if len(operands) else None
    return member(resources, kind, str(wanted)) if isinstance(wanted, Name) else None


def _codes(font: UsedFont, operands: Any) -> set[int]:
    """Returns the character codes that an operator shows."""
    length = font.code_bytes
    if not length or not len(operands):
        return set()
    texts = [bytes(value) for value in items(operands[-1]) if isinstance(value, pikepdf.String)]
    if length == 1:
        return {code for text in texts for code in text}
    return {int.from_bytes(text[at : at + 2]) for text in texts for at in range(0, len(text) - 1, 2)}


def _private(font: Dictionary) -> Set[int]:
    stream = font.get("/ToUnicode")
    texts = to_unicode(stream) if isinstance(stream, Stream) else {}
    return {code for code, text in texts.items() if any(is_private(character) for character in text)}


def is_private(character: str) -> bool:
    """Tells whether the character is of a Private Use Area, and has no meaning by itself."""
    return category(character) == "Co"


def _mark(operands: Any, resources: Any) -> tuple[Marked, int | None, bool]:
    """Returns how marked content is marked, its MCID, and whether `ActualText` replaces it."""
    properties = operands[1] if len(operands) > 1 else None
    if isinstance(properties, Name):
        properties = member(resources, "/Properties", str(properties))
    replaces = member(properties, "/ActualText") is not None
    if len(operands) and name(operands[0]) == "Artifact":
        return "artifact", None, replaces
    mcid = member(properties, "/MCID")
    return ("real", mcid, replaces) if isinstance(mcid, int) else (None, None, replaces)


def _appearances(value: Any) -> Iterator[Stream]:
    """Yields the appearance streams in an appearance dictionary (ISO 32000-1, 12.5.5)."""
    if isinstance(value, Stream):
        yield value
    elif isinstance(value, Dictionary):
        for state in value.as_dict().values():
            yield from _appearances(state)
