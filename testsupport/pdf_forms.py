"""Makes PDFs with forms: good ones and hostile ones."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Any

import pikepdf
from pikepdf import Array, Dictionary, Name, Object, String

from testsupport import pdfs

MULTILINE, PASSWORD, COMB = 1 << 12, 1 << 13, 1 << 24
RADIO, BUTTON = 1 << 15, 1 << 16
COMBO, EDITABLE, MULTIPLE = 1 << 17, 1 << 18, 1 << 21


class FormMaker:
    """Makes a form of one page, 400 by 400 points, with fields below each other."""

    def __init__(self) -> None:
        self.pdf = pikepdf.new()
        self.page = self.pdf.add_blank_page(page_size=(400, 400))
        self.page.Annots = Array()
        font = Dictionary(Type=Name.Font, Subtype=Name.Type1, BaseFont=Name.Helvetica)
        self.form = Dictionary(
            Fields=Array(),
            DA=String("/Helv 0 Tf 0 g"),
            DR=Dictionary(Font=Dictionary(Helv=self.pdf.make_indirect(font))),
        )
        self.pdf.Root.AcroForm = self.form
        self._top = 390

    def add(self, name: str | None, field_type: Name | None, height: int = 16, **members: Any) -> Object:
        """Adds a field with one widget; members win over the usual ones. Without a name, only a
        widget."""
        self._top -= height + 4
        usual: dict[str, Any] = {
            "Type": Name.Annot,
            "Subtype": Name.Widget,
            "F": 4,
            "Rect": Array([10, self._top, 210, self._top + height]),
            "MK": Dictionary(BC=Array([0, 0, 1]), BG=Array([0.95])),
        }
        if field_type is not None:
            usual["FT"] = field_type
        if name is not None:
            usual["T"] = String(name)
        widget = self.pdf.make_indirect(Dictionary(**{**usual, **members}))
        self.page.Annots.append(widget)
        if name is not None and "Parent" not in members:
            self.form.Fields.append(widget)
        return widget

    def text(self, name: str, **members: Any) -> Object:
        return self.add(name, Name.Tx, **members)

    def choice(self, name: str, *options: str | Sequence[str], **members: Any) -> Object:
        listed = Array([String(each) if isinstance(each, str) else _pair(each) for each in options])
        return self.add(name, Name.Ch, Opt=listed, **members)

    def check_box(self, name: str, state: str | None = "Yes", **members: Any) -> Object:
        """With the appearances of this state; without any if it is None."""
        if state is not None:
            normal = Dictionary(Off=self.drawing(b""))
            normal[f"/{state}"] = self.drawing(b"0 0 10 10 re f")
            members["AP"] = Dictionary(N=normal)
        return self.add(name, Name.Btn, AS=Name.Off, **members)

    def radio(self, name: str, *states: str, **members: Any) -> Object:
        parent = Dictionary(FT=Name.Btn, Ff=RADIO, T=String(name), Kids=Array(), **members)
        group = self.pdf.make_indirect(parent)
        for state in states:
            normal = Dictionary(Off=self.drawing(b""))
            normal[f"/{state}"] = self.drawing(b"0 0 10 10 re f")
            kid = self.add(None, None, AP=Dictionary(N=normal), AS=Name.Off, Parent=group)
            group.Kids.append(kid)
        self.form.Fields.append(group)
        return group

    def drawing(self, content: bytes) -> Object:
        return self.pdf.make_stream(content, Type=Name.XObject, Subtype=Name.Form, BBox=Array([0, 0, 10, 10]))

    def content(self, **how: Any) -> bytes:
        return pdfs.saved(self.pdf, **how)


def _pair(option: Sequence[str]) -> Array:
    return Array([String(part) for part in option])


def application() -> bytes:
    """A form with a field of each type."""
    form = FormMaker()
    form.text("name")
    form.text("notes", height=60, Ff=MULTILINE)
    form.text("code", Ff=COMB, MaxLen=10, DA=String("/Helv 10 Tf 0 g"))
    form.choice("country", ["de", "Germany"], ["fr", "France"], Ff=COMBO)
    form.choice("colour", "red", "green", Ff=COMBO | EDITABLE)
    form.choice("days", *(f"day {number}" for number in range(20)), Ff=MULTIPLE, height=40)
    form.check_box("agree")
    form.radio("size", "small", "large")
    form.add("send", Name.Btn, Ff=BUTTON)
    form.add("signature", Name.Sig)
    address = form.pdf.make_indirect(Dictionary(T=String("address"), Kids=Array()))
    address.Kids.append(form.add("street", Name.Tx, Parent=address))
    form.form.Fields.append(address)
    return form.content()


def restricted(**permissions: bool) -> bytes:
    """A form with these permissions, which opens without a password."""
    with pikepdf.open(io.BytesIO(application())) as pdf:
        allowed = pikepdf.Permissions(**permissions)
        return pdfs.saved(pdf, encryption=pikepdf.Encryption(owner="owner", user="", allow=allowed))


def many_fields(count: int) -> bytes:
    """All have the same rectangle."""
    form = FormMaker()
    for number in range(count):
        form.text(f"field {number}", Rect=Array([10, 10, 110, 30]))
    return form.content()


def cyclic_fields() -> bytes:
    """Each of two fields has the other one below it."""
    form = FormMaker()
    one = form.pdf.make_indirect(Dictionary(T=String("one"), FT=Name.Tx, Kids=Array()))
    two = form.pdf.make_indirect(Dictionary(T=String("two"), FT=Name.Tx, Kids=Array([one])))
    one.Kids.append(two)
    form.form.Fields.append(one)
    return form.content()


def deep_fields(depth: int = 1000) -> bytes:
    form = FormMaker()
    node = form.text("end")
    for _ in range(depth):
        node = form.pdf.make_indirect(Dictionary(T=String("x"), Kids=Array([node])))
    form.form.Fields = Array([node])
    return form.content()
