"""Reads the fields of a form (AcroForm; ISO 32000-2, 12.7) from a PDF (pikepdf)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

import pikepdf
from pikepdf import Array, Dictionary, Name, Object, Stream, String

from jobs.core.errors.job import FormInvalid
from jobs.render.protocol.limits import MAX_FORM_FIELDS

FieldType = Literal["text", "check_box", "radio", "choice", "list", "button", "signature"]

_INHERITED = ("/FT", "/Ff", "/V", "/DA", "/Q", "/MaxLen", "/Opt")
_MAX_DEPTH = 50
_MULTILINE, _PASSWORD, _FILE, _COMB, _RICH_TEXT = 1 << 12, 1 << 13, 1 << 20, 1 << 24, 1 << 25
_RADIO, _PUSH_BUTTON = 1 << 15, 1 << 16
_COMBO, _EDITABLE, _MULTIPLE = 1 << 17, 1 << 18, 1 << 21
"""Bits of `Ff` (tables 227, 229, 231 and 233)."""
OFF = b"Off"


class Option(NamedTuple):
    """One of the values between which a field lets people choose."""

    value: str
    shown: str
    """The text that people see; of a button the same as `value`."""


@dataclass(slots=True)
class FormField:
    """A field with its widgets, which are the rectangles on pages that show its value."""

    name: str
    """With the names of the fields above it: ``address.street``."""
    type: FieldType
    nodes: list[Object]
    """Its dictionaries: more than one if the form has several fields of this name."""
    widgets: list[Object]
    states: list[bytes | None]
    """Of each widget of a button: the name of the state in which it is on."""
    options: tuple[Option, ...] = ()
    max_length: int | None = None
    flags: int = 0
    inherited: Mapping[str, Any] = field(default_factory=dict)
    is_listed: bool = True
    """Whether the form names it, and not only a page."""

    @property
    def is_multiline(self) -> bool:
        return self.type == "text" and bool(self.flags & _MULTILINE)

    @property
    def is_password(self) -> bool:
        return self.type == "text" and bool(self.flags & _PASSWORD)

    @property
    def is_file(self) -> bool:
        return self.type == "text" and bool(self.flags & _FILE)

    @property
    def is_comb(self) -> bool:
        """Whether each character has a cell of its own."""
        others = _MULTILINE | _PASSWORD | _FILE
        return self.max_length is not None and bool(self.flags & _COMB) and not self.flags & others

    @property
    def is_editable(self) -> bool:
        """Whether a drop-down list also takes a text of one's own."""
        return self.type == "choice" and bool(self.flags & _EDITABLE)

    @property
    def takes_several(self) -> bool:
        return self.type == "list" and bool(self.flags & _MULTIPLE)

    @property
    def flags_without_rich_text(self) -> int:
        return self.flags & ~_RICH_TEXT

    def texts(self) -> list[str]:
        """Returns the value as it is in the PDF: texts, or the name of the state of a button."""
        value = self.inherited.get("/V")
        if isinstance(value, Name):
            name = name_bytes(value)
            return [] if name == OFF else [self._shown_state(name)]
        values = value if isinstance(value, Array) else [value]
        return [text(each) for each in values if isinstance(each, String | Stream)]

    def _shown_state(self, state: bytes) -> str:
        for option, name in zip(self.options, dict.fromkeys(self.states), strict=False):
            if name == state:
                return option.value
        return decoded(state)


def read_fields(document: pikepdf.Pdf) -> dict[str, FormField]:
    """Returns the fields by name, in the order of the form.

    Fields that only pages name, which are common in damaged forms, come last.

    Raises:
        FormInvalid: there are more than `MAX_FORM_FIELDS`, or they are nested too deeply.
    """
    found: dict[str, FormField] = {}
    walk = _Walk(found)
    form = document.Root.get(Name.AcroForm)
    if isinstance(form, Dictionary):
        walk.start(form.get(Name.Fields), are_listed=True)
    for page in document.pages:
        walk.start(_tops(page.obj.get(Name.Annots), walk.seen), are_listed=False)
    for field_ in found.values():
        field_.options = _options(field_, field_.inherited.get("/Opt"))
    return found


class _Walk:
    def __init__(self, found: dict[str, FormField]) -> None:
        self._found = found
        self.seen: set[tuple[int, int]] = set()
        self._widgets = 0
        self._are_listed = True

    def start(self, nodes: object, *, are_listed: bool) -> None:
        """Adds the fields of these nodes, and all below them."""
        self._are_listed = are_listed
        listed = list(nodes) if isinstance(nodes, Array | list) else []
        waiting: list[tuple[Any, str, Mapping[str, Any], int]] = [
            (node, "", {}, 0) for node in reversed(listed)
        ]
        while waiting:
            node, prefix, inherited, depth = waiting.pop()
            if not isinstance(node, Dictionary) or not self._is_new(node):
                continue
            if depth > _MAX_DEPTH:
                raise FormInvalid(f"Its fields are nested more than {_MAX_DEPTH} deep.")
            partial = text(node.get(Name.T))
            name = ".".join(part for part in (prefix, partial) if part)
            inherited = {**inherited, **{key: node[key] for key in _INHERITED if key in node}}
            kids: list[Object] = [kid for kid in _listed(node.get(Name.Kids)) if isinstance(kid, Dictionary)]
            if any(Name.T in kid and not _repeats(partial, kid) for kid in kids):
                waiting += [(kid, name, inherited, depth + 1) for kid in reversed(kids)]
            elif name:
                own: list[Object] = [node]
                widgets = [kid for kid in kids if self._is_new(kid)] if kids else own
                self._add(name, node, widgets, inherited)

    def _is_new(self, node: Object) -> bool:
        if not node.is_indirect:
            return True
        known = node.objgen in self.seen
        self.seen.add(node.objgen)
        return not known

    def _add(self, name: str, node: Object, widgets: list[Object], inherited: Mapping[str, Any]) -> None:
        self._widgets += max(1, len(widgets))
        if self._widgets > MAX_FORM_FIELDS:
            raise FormInvalid(f"It has more than {MAX_FORM_FIELDS:,} fields.")
        flags = _integer(inherited.get("/Ff")) or 0
        kind = _type(inherited.get("/FT"), flags)
        if kind is None:
            return
        known = self._found.get(name)
        if known is not None and known.type == kind:
            known.nodes.append(node)
            known.widgets += widgets
            known.states += _states(kind, widgets)
            return
        found = FormField(
            name, kind, [node], widgets, _states(kind, widgets), flags=flags, inherited=inherited
        )
        found.max_length = (_integer(inherited.get("/MaxLen")) or None) if kind == "text" else None
        found.is_listed = self._are_listed
        self._found[name] = found


def _repeats(partial: str, kid: Object) -> bool:
    """Tells whether a kid is a widget that has the name of its field, as WeasyPrint writes them."""
    return Name.Kids not in kid and kid.get(Name.Subtype) == Name.Widget and text(kid.get(Name.T)) == partial


def _tops(annotations: object, seen: set[tuple[int, int]]) -> list[Object]:
    """Returns the topmost fields of widgets that no field names."""
    found: list[Object] = []
    for node in _listed(annotations):
        if not isinstance(node, Dictionary) or node.get(Name.Subtype) != Name.Widget:
            continue
        if not node.is_indirect or node.objgen in seen:
            continue
        for _ in range(_MAX_DEPTH):
            parent = node.get(Name.Parent)
            if not isinstance(parent, Dictionary) or not parent.is_indirect or parent.objgen in seen:
                break
            node = parent
        found.append(node)
    return found


def _type(name: object, flags: int) -> FieldType | None:
    if name == Name.Tx:
        return "text"
    if name == Name.Ch:
        return "choice" if flags & _COMBO else "list"
    if name == Name.Sig:
        return "signature"
    if name != Name.Btn:
        return None
    if flags & _PUSH_BUTTON:
        return "button"
    return "radio" if flags & _RADIO else "check_box"


def _states(kind: FieldType, widgets: list[Object]) -> list[bytes | None]:
    if kind not in ("check_box", "radio"):
        return [None] * len(widgets)
    return [_on_state(widget, at, kind) for at, widget in enumerate(widgets)]


def _on_state(widget: Object, at: int, kind: FieldType) -> bytes:
    """Returns the name of the state, or that of a usual one if the widget has no appearances."""
    appearances = widget.get(Name.AP)
    normal = appearances.get(Name.N) if isinstance(appearances, Dictionary) else None
    if isinstance(normal, Dictionary):
        for key in normal.keys():  # noqa: SIM118 (not a Python dictionary)
            if (name := key[1:].encode("utf-8", "surrogateescape")) != OFF:
                return name
    current = widget.get(Name.AS)
    if isinstance(current, Name) and (name := name_bytes(current)) != OFF:
        return name
    return b"Yes" if kind == "check_box" else b"%d" % at


def _options(found: FormField, opt: object) -> tuple[Option, ...]:
    if found.type in ("choice", "list"):
        return tuple(_option(each) for each in _listed(opt))
    if found.type not in ("check_box", "radio"):
        return ()
    values = [text(each) for each in _listed(opt)]
    options: dict[bytes | None, Option] = {}
    for at, state in enumerate(found.states):
        if state is not None and state not in options:
            value = values[at] if at < len(values) and values[at] else decoded(state)
            options[state] = Option(value, value)
    return tuple(options.values())


def _option(value: object) -> Option:
    if isinstance(value, Array) and len(value) == 2:
        return Option(text(value[0]), text(value[1]))
    return Option(text(value), text(value))


# --- values of PDF objects ------------------------------------------------------------------------


def _listed(value: object) -> Iterator[Any]:
    if isinstance(value, Array):
        yield from value


def _integer(value: object) -> int | None:
    return value if isinstance(value, int) else None


def text(value: object) -> str:
    """Returns a text string or a text stream; an empty text for anything else."""
    if isinstance(value, Stream):
        value = String(value.read_bytes())
    if not isinstance(value, String):
        return ""
    try:
        return str(value)
    except UnicodeDecodeError:
        return bytes(value).decode(errors="replace")


def name_bytes(name: Object) -> bytes:
    """Returns the bytes of a name, which need not be UTF-8, without the slash."""
    return re.sub(rb"#([0-9a-fA-F]{2})", lambda found: bytes([int(found[1], 16)]), name.unparse()[1:])


def name_of(content: bytes) -> Name:
    """Returns the name that has these bytes."""
    escaped = re.sub(rb"[^A-Za-z0-9_.-]", lambda found: b"#%02x" % ord(found[0]), content)
    return Object.parse(b"/" + escaped)  # type: ignore[return-value] # what begins with / is a Name


def decoded(name: bytes) -> str:
    """Returns the text of a name. Old programs write names in the code page of Windows."""
    try:
        return name.decode()
    except UnicodeDecodeError:
        return name.decode("cp1252", "replace")
