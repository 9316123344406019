"""Fills in the form of a PDF (pikepdf)."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pikepdf
from pikepdf import Array, Dictionary, Name, Object, Stream, String

from jobs.core.errors.job import FormInvalid, PdfEncrypted
from jobs.render.child.pdf.forms.appearances import Content, draw
from jobs.render.child.pdf.forms.buttons import draw_button, has_appearance
from jobs.render.child.pdf.forms.claims import check_claims, claimed_variants
from jobs.render.child.pdf.forms.fields import FormField, name_of, read_fields
from jobs.render.child.pdf.forms.flattening import flatten
from jobs.render.child.pdf.forms.values import FieldValue, Selection, State, Text, Wanted, checked
from jobs.render.child.pdf.forms.widgets import Look, look
from jobs.render.child.pdf.pages.drawings import LayOut
from jobs.render.child.pdf.source_pdf import explaining, open_whole
from jobs.render.protocol.warning_codes import WarningCode

Warn = Callable[[WarningCode, str], None]
"""Takes a code and a message."""

_NAME = "The file"
_MAX_NAMES_SHOWN = 5
_LINE_HEIGHT = 1.2
_PDF_VERSION = "1.7"
"""What WeasyPrint's drawings need."""
_BUTTONS = ("check_box", "radio")


@dataclass(frozen=True, slots=True)
class Filled:
    pdf: bytes
    pages: int


def fill(
    pdf: bytes,
    values: Mapping[str, FieldValue],
    options: Mapping[str, Any],
    *,
    lay_out: LayOut,
    warn: Warn,
    advance: Callable[[int, str], None],
) -> Filled:
    """Returns the PDF with these values in its fields.

    `advance` takes a percentage and a stage.

    Raises:
        JobError: the PDF cannot be read, or it is a FormInvalid.
    """
    with explaining(_NAME):
        document, repaired = open_whole(pdf, _NAME, keeps_permissions=True)
        with document:
            _refuse_what_is_forbidden(document, options)
            if repaired:
                warn("pdf_repaired", "The file is damaged and was repaired as far as possible.")
            fields = read_fields(document)
            form = _form(document, fields)
            wanted = checked(fields, values)
            _leave_behind(document, form, fields, warn)
            advance(10, "filling")
            for name, value in wanted.items():
                _set(fields[name], value)
            _draw(document, form, fields, wanted, lay_out, warn)
            advance(80, "finishing")
            if options.get("flatten"):
                flatten(document)
            written = io.BytesIO()
            keep_encryption = document.is_encrypted
            document.save(
                written,
                encryption=keep_encryption,
                deterministic_id=not keep_encryption,
                min_version=_PDF_VERSION,
            )
            check_claims(written.getvalue(), claimed_variants(document), warn)
            return Filled(written.getvalue(), len(document.pages))


def _refuse_what_is_forbidden(document: pikepdf.Pdf, options: Mapping[str, Any]) -> None:
    """Respects the permissions of an encrypted PDF that opens without a password."""
    if not document.allow.modify_form:
        raise PdfEncrypted(
            f"{_NAME} forbids that its form is filled in. Give the PDF from before its encryption."
        )
    if options.get("flatten") and not document.allow.modify_other:
        raise PdfEncrypted(
            f"{_NAME} forbids that its pages are changed. Fill it in without flatten, or give the PDF from before "
            "its encryption."
        )


def _form(document: pikepdf.Pdf, fields: Mapping[str, FormField]) -> Object:
    """Returns the dictionary of the form. Raises FormInvalid if the PDF has no form that works."""
    if _is_true(document.Root.get(Name.NeedsRendering)):
        raise FormInvalid(
            "The file is a dynamic XFA form, which only programs of Adobe show. Save it as a PDF with an AcroForm."
        )
    if not fields:
        raise FormInvalid("The file has no form: there are no fields in it.")
    form = document.Root.get(Name.AcroForm)
    if not isinstance(form, Dictionary):
        document.Root.AcroForm = form = Dictionary()
    if not isinstance(form.get(Name.Fields), Array):
        form.Fields = Array()
    forgotten = (node for field in fields.values() if not field.is_listed for node in field.nodes)
    form.Fields.extend(node for node in forgotten if Name.Parent not in node)
    return form


def _leave_behind(document: pikepdf.Pdf, form: Object, fields: Mapping[str, FormField], warn: Warn) -> None:
    """Removes what would show other values, or is no longer true."""
    if Name.XFA in form:
        del form.XFA
        warn("xfa_removed", "The file also had its form as XFA, which is left out: it has other values.")
    is_signed = Name.Perms in document.Root or any(
        field.type == "signature" and "/V" in field.inherited for field in fields.values()
    )
    if is_signed:
        if Name.Perms in document.Root:
            del document.Root.Perms
        warn("signature_lost", "The file was signed. The filled PDF has no valid signature.")


# --- values ---------------------------------------------------------------------------------------


def _set(field: FormField, value: Wanted) -> None:
    match value:
        case Text(text):
            _set_text(field, text)
        case State(state):
            _set_state(field, state)
        case Selection():
            _set_selection(field, value)


def _set_text(field: FormField, text: str) -> None:
    for node in field.nodes:
        node.V = String(text)
        if Name.RV in node:
            del node.RV
        if field.flags != field.flags_without_rich_text:
            node.Ff = field.flags_without_rich_text
    field.inherited = {**field.inherited, "/V": String(text)}


def _set_state(field: FormField, state: bytes | None) -> None:
    off = Name.Off
    for node in field.nodes:
        node.V = off if state is None else name_of(state)
    for widget, own in zip(field.widgets, field.states, strict=True):
        widget.AS = name_of(own) if own is not None and own == state else off


def _set_selection(field: FormField, value: Selection) -> None:
    exported = [field.options[at].value for at in value.indexes]
    if value.own_text is not None:
        exported = [value.own_text]
    stored: Object = String(exported[0]) if exported else String("")
    if len(exported) > 1:
        stored = Array([String(each) for each in exported])
    for node in field.nodes:
        node.V = stored
        if Name.I in node:
            del node.I
        if field.type == "list" and value.indexes:
            node.I = Array(value.indexes)
    field.inherited = {**field.inherited, "/V": stored}


# --- appearances ----------------------------------------------------------------------------------


def _draw(
    document: pikepdf.Pdf,
    form: Object,
    fields: Mapping[str, FormField],
    wanted: Mapping[str, Wanted],
    lay_out: LayOut,
    warn: Warn,
) -> None:
    """Gives appearances to all fields that were filled, and to those that lack one."""
    all_lack = _is_true(form.get(Name.NeedAppearances))
    contents: list[Content] = []
    widgets: list[Object] = []
    for field in fields.values():
        if field.type in ("button", "signature"):
            continue
        for widget, state in zip(field.widgets, field.states, strict=True):
            looks = look(field, widget, form)
            if looks is None:
                continue
            if field.type in _BUTTONS:
                if state is not None and not has_appearance(widget, state):
                    draw_button(document, widget, state, looks, is_round=field.type == "radio")
            elif field.name in wanted or all_lack or (field.texts() and not _is_drawn(widget)):
                contents.append(_content(field, looks))
                widgets.append(widget)
    drawn = draw(document, contents, lay_out)
    for widget, stream in zip(widgets, drawn.streams, strict=True):
        widget.AP = Dictionary(N=stream)
    if Name.NeedAppearances in form:
        del form.NeedAppearances  # readers would draw values anew, each in its own way
    if drawn.cut:
        more = len(drawn.cut) - _MAX_NAMES_SHOWN
        names = ", ".join(repr(name[:50]) for name in drawn.cut[:_MAX_NAMES_SHOWN])
        shown = f"{names} and {more} more" if more > 0 else names
        warn("field_text_cut", f"The text does not fit into these fields, and its end is not shown: {shown}.")


def _is_true(value: object) -> bool:
    return value is True


def _is_drawn(widget: Object) -> bool:
    appearances = widget.get(Name.AP)
    return isinstance(appearances, Dictionary) and isinstance(appearances.get(Name.N), Stream)


def _content(field: FormField, looks: Look) -> Content:
    texts = field.texts()
    if field.type == "list":
        selected = set(texts)
        lines = tuple((option.shown, option.value in selected) for option in field.options)
        first = _first_line(lines, looks)
        for node in field.nodes:
            node.TI = first
        return Content(field.name, "", looks, lines=lines[first:])
    text = texts[0] if texts else ""
    if field.type == "choice":
        text = next((option.shown for option in field.options if option.value == text), text)
    cells = field.max_length if field.is_comb else None
    return Content(field.name, text, looks, multiline=field.is_multiline, cells=cells)


def _first_line(lines: Sequence[tuple[str, bool]], looks: Look) -> int:
    """Returns the first option to show, so that the first selected one is seen."""
    selected = next((at for at, (_, is_selected) in enumerate(lines) if is_selected), 0)
    visible = int(looks.height / ((looks.font.size or 12) * _LINE_HEIGHT))
    return selected if selected >= max(1, visible) else 0
