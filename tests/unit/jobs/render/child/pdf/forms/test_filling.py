from __future__ import annotations

import io
from typing import Any

import pikepdf
import pypdfium2
import pytest
from pikepdf import Array, Dictionary, Name, String
from PIL import Image, ImageChops

from jobs.core.errors.job import FormInvalid, PdfEncrypted
from jobs.render.child.html.engine import Engine
from jobs.render.child.html.fetcher import ask_nobody
from jobs.render.child.pdf.forms.fields import name_of, read_fields
from jobs.render.child.pdf.forms.filling import fill
from jobs.render.child.pdf.forms.values import FieldValue
from testsupport import pdf_forms
from testsupport.pdf_forms import FormMaker

VALUES: dict[str, FieldValue] = {
    "name": "Ada Lovelace",
    "notes": "First\nSecond 中文 العربية",
    "code": "AB12",
    "country": "fr",
    "colour": "blue",
    "days": ["day 3", "day 15"],
    "agree": True,
    "size": "large",
    "address.street": "1 Größe Street",
}


@pytest.fixture(scope="module")
def engine() -> Engine:
    return Engine(ask_nobody)


class Filling:
    def __init__(self, engine: Engine, content: bytes, values: dict[str, FieldValue], **options: Any) -> None:
        self.warnings: list[str] = []
        filled = fill(
            content,
            values,
            options,
            lay_out=engine.layout,
            warn=lambda code, _: self.warnings.append(code),
            advance=lambda percent, stage: None,
        )
        self.pdf = filled.pdf

    def opened(self) -> pikepdf.Pdf:
        return pikepdf.open(io.BytesIO(self.pdf))

    def values(self) -> dict[str, list[str]]:
        with self.opened() as pdf:
            return {name: field.texts() for name, field in read_fields(pdf).items()}

    def text(self) -> str:
        """All text that the page draws: of a flattened form also its values."""
        with pypdfium2.PdfDocument(self.pdf) as document:  # type: ignore[no-untyped-call]
            return str(document[0].get_textpage().get_text_range())

    def picture(self, scale: int = 1) -> Image.Image:
        """The page as PDFium draws it, with the appearances of its fields."""
        with pypdfium2.PdfDocument(self.pdf) as document:  # type: ignore[no-untyped-call]
            document.init_forms()
            picture: Image.Image = document[0].render(scale=scale, rev_byteorder=True).to_pil().convert("L")
            return picture


def ink(picture: Image.Image) -> int:
    """The number of dark pixels."""
    return sum(picture.histogram()[:100])


def test_values_of_all_types_are_stored_and_have_appearances(engine: Engine) -> None:
    filling = Filling(engine, pdf_forms.application(), VALUES)
    assert filling.warnings == []
    assert filling.values() == {
        "name": ["Ada Lovelace"],
        "notes": ["First\nSecond 中文 العربية"],
        "code": ["AB12"],
        "country": ["fr"],
        "colour": ["blue"],
        "days": ["day 3", "day 15"],
        "agree": ["Yes"],
        "size": ["large"],
        "send": [],
        "signature": [],
        "address.street": ["1 Größe Street"],
    }
    with filling.opened() as pdf:
        fields = read_fields(pdf)
        assert pdf.check_pdf_syntax() == []
        assert [int(index) for index in fields["days"].nodes[0].I] == [3, 15]
        assert [str(widget.AS) for widget in fields["size"].widgets] == ["/Off", "/large"]
        assert Name.NeedAppearances not in pdf.Root.AcroForm
        for name in ("name", "notes", "code", "country", "colour", "days", "address.street"):
            assert Name.Font in fields[name].widgets[0].AP.N.Resources, name


def test_a_flattened_form_shows_all_values_and_has_no_fields(engine: Engine) -> None:
    filling = Filling(engine, pdf_forms.application(), VALUES, flatten=True)
    assert filling.values() == {}
    text = filling.text()
    for shown in ("Ada Lovelace", "First", "Second 中文", "France", "blue", "day 3", "1 Größe Street"):
        assert shown in text
    with filling.opened() as pdf:
        assert Name.AcroForm not in pdf.Root
        assert Name.Annots not in pdf.pages[0].obj
    kept = Filling(engine, pdf_forms.application(), VALUES)
    above_the_button = (0, 0, 400, 259)  # which PDFium draws by itself
    pictures = (each.picture().crop(above_the_button) for each in (filling, kept))
    difference = ImageChops.difference(*pictures)
    assert sum(difference.histogram()[80:]) < 100  # PDFium smooths edges a little differently


def test_a_hidden_field_and_other_annotations_are_flattened_as_they_look(engine: Engine) -> None:
    form = FormMaker()
    form.text("hidden", F=2)
    link = Dictionary(Type=Name.Annot, Subtype=Name.Link, Rect=Array([0, 0, 9, 9]))
    form.page.Annots.append(form.pdf.make_indirect(link))
    filling = Filling(engine, form.content(), {"hidden": "unseen"}, flatten=True)
    assert "unseen" not in filling.text()
    with filling.opened() as pdf:
        assert [str(each.Subtype) for each in pdf.pages[0].Annots] == ["/Link"]


def test_a_page_keeps_the_resources_of_the_node_above_it(engine: Engine) -> None:
    form = FormMaker()
    form.text("a")
    form.page.Contents = form.pdf.make_stream(b"BT /F1 20 Tf 220 200 Td (inherited) Tj ET")
    form.pdf.Root.Pages.Resources = Dictionary(Font=Dictionary(F1=form.form.DR.Font.Helv))
    del form.page.obj.Resources
    filling = Filling(engine, form.content(), {"a": "value"}, flatten=True)
    assert "inherited" in filling.text()
    assert "value" in filling.text()


def test_a_field_that_only_its_page_names_is_listed(engine: Engine) -> None:
    form = FormMaker()
    form.text("forgotten")
    form.form.Fields = Array()
    with Filling(engine, form.content(), {"forgotten": "x"}).opened() as pdf:
        assert [str(field.T) for field in pdf.Root.AcroForm.Fields] == ["forgotten"]


def test_cleared_fields_are_empty(engine: Engine) -> None:
    filled = Filling(engine, pdf_forms.application(), VALUES)
    cleared = Filling(engine, filled.pdf, dict.fromkeys(VALUES))
    assert {name: texts for name, texts in cleared.values().items() if any(texts)} == {}


def test_values_that_have_no_appearance_get_one(engine: Engine) -> None:
    form = FormMaker()
    form.text("old", V=String("kept as it was"))
    form.text("new")
    form.check_box("tick", None, V=Name.Yes)
    form.form.NeedAppearances = True
    filling = Filling(engine, form.content(), {"new": "x"}, flatten=True)
    assert "kept as it was" in filling.text()


@pytest.mark.parametrize("mark", ["4", "8", "l", "n", ""])
def test_a_check_box_without_appearances_is_drawn(engine: Engine, mark: str) -> None:
    form = FormMaker()
    form.check_box("tick", None, MK=Dictionary(CA=String(mark)))
    content = form.content()
    off, on = (ink(Filling(engine, content, {"tick": value}).picture(scale=4)) for value in (False, True))
    assert off == 0
    assert on > 150


@pytest.mark.parametrize("has_appearance", [False, True])
def test_a_state_in_an_old_encoding_is_set(engine: Engine, has_appearance: bool) -> None:
    form = FormMaker()
    box = form.check_box("sex", "STATE" if has_appearance else None, MK=Dictionary())
    content = form.content(static_id=True)
    if has_appearance:
        content = content.replace(b"/STATE", b"/M#e4nn")
    else:
        box.AS = name_of(b"M\xe4nn")
        content = form.content()
    filling = Filling(engine, content, {"sex": "Männ"})
    assert filling.values() == {"sex": ["Männ"]}
    assert ink(filling.picture(scale=4)) > 100
    assert filling.warnings in ([], ["pdf_repaired"])


@pytest.mark.parametrize("rotation", [0, 90, 180, 270])
def test_text_of_a_turned_field_fills_it(engine: Engine, rotation: int) -> None:
    form = FormMaker()
    size = (20, 200) if rotation in (90, 270) else (200, 20)
    rectangle = Array([100, 100, 100 + size[0], 100 + size[1]])
    form.text("a", Rect=rectangle, MK=Dictionary(R=rotation), DA=String("/Helv 12 Tf"))
    picture = Filling(engine, form.content(), {"a": "WWWWWWWW"}).picture()
    box = picture.point(lambda level: 255 if level < 128 else 0).getbbox()
    assert box is not None
    left, top, right, bottom = box
    assert 100 <= left < right <= 100 + size[0]
    assert 300 - size[1] <= top < bottom <= 300
    along, across = (bottom - top, right - left) if rotation in (90, 270) else (right - left, bottom - top)
    assert along > 5 * across
    # The text begins where the field begins, seen along the turned lines.
    begins = {0: left - 100, 90: 300 - bottom, 180: 300 - right, 270: top - 100}[rotation]
    assert begins < 10


def test_text_without_a_fixed_size_is_made_smaller_until_it_fits(engine: Engine) -> None:
    form = FormMaker()
    form.text("line")
    form.text("lines", height=60, Ff=pdf_forms.MULTILINE)
    long = "one word after the other "
    filling = Filling(engine, form.content(), {"line": long * 3, "lines": long * 12})
    assert filling.warnings == []


def test_text_that_does_not_fit_is_told(engine: Engine) -> None:
    form = FormMaker()
    form.text("line", DA=String("/Helv 12 Tf"))
    form.text("lines", height=60, Ff=pdf_forms.MULTILINE)
    filling = Filling(engine, form.content(), {"line": "long " * 30, "lines": "long " * 3000})
    assert filling.warnings == ["field_text_cut"]


def test_a_character_that_no_font_has_is_refused(engine: Engine) -> None:
    with pytest.raises(FormInvalid, match=r"The field 'name' cannot show .* \(U\+0378\)"):
        Filling(engine, pdf_forms.application(), {"name": "a\u0378"})


def test_text_is_never_markup(engine: Engine) -> None:
    text = "<b>bold</b> &amp; </div><style>*{display:none}</style>"
    filling = Filling(engine, pdf_forms.application(), {"notes": text}, flatten=True)
    assert "".join(text.split()) in "".join(filling.text().split())


def test_a_signature_that_becomes_invalid_and_a_removed_xfa_are_told(engine: Engine) -> None:
    form = FormMaker()
    form.text("name")
    form.add("signed", Name.Sig, V=Dictionary(Type=Name.Sig))
    form.form.XFA = form.pdf.make_stream(b"<xdp/>")
    filling = Filling(engine, form.content(), {"name": "Ada"})
    assert sorted(filling.warnings) == ["signature_lost", "xfa_removed"]
    with filling.opened() as pdf:
        assert Name.XFA not in pdf.Root.AcroForm


@pytest.mark.parametrize(
    ("variant", "flatten", "warnings"),
    [
        ("pdf/a-3b", False, set()),
        ("pdf/a-3b", True, set()),
        ("pdf/ua-1", False, set()),
        ("pdf/ua-1", True, {"conformance_broken"}),
    ],
)
def test_a_standard_that_does_not_hold_any_more_is_told(
    engine: Engine, variant: str, flatten: bool, warnings: set[str]
) -> None:
    document = b"<html lang=en><title>Form</title><label>Name <input name=name title=Name></label>"
    options = {"forms": True, "pdf_variant": variant}
    form = engine.render("html", document, options, lambda step: None).pdf
    filling = Filling(engine, form, {"name": "Ada"}, flatten=flatten)
    assert set(filling.warnings) == warnings


def test_a_form_with_permissions_keeps_them(engine: Engine) -> None:
    form = pdf_forms.restricted(modify_other=False, extract=False)
    filling = Filling(engine, form, {"name": "Ada"})
    assert filling.values()["name"] == ["Ada"]
    with filling.opened() as pdf:
        assert pdf.is_encrypted
        assert (pdf.allow.modify_form, pdf.allow.modify_other, pdf.allow.extract) == (True, False, False)
    with pytest.raises(PdfEncrypted, match="forbids that its pages are changed"):
        Filling(engine, form, {"name": "Ada"}, flatten=True)


def test_a_form_that_forbids_to_be_filled_in_is_refused(engine: Engine) -> None:
    form = pdf_forms.restricted(modify_form=False, modify_annotation=False)
    with pytest.raises(PdfEncrypted, match="forbids that its form is filled in"):
        Filling(engine, form, {"name": "Ada"})


def test_a_dynamic_form_is_refused() -> None:
    form = FormMaker()
    form.text("name")
    form.pdf.Root.NeedsRendering = True
    with pytest.raises(FormInvalid, match="dynamic XFA form"):
        Filling(Engine(ask_nobody), form.content(), {"name": "Ada"})


@pytest.mark.parametrize("flatten", [False, True])
def test_the_same_values_give_the_same_bytes(engine: Engine, flatten: bool) -> None:
    values = {**VALUES, "notes": "Latin alone"}  # fonts of other scripts are embedded as they come
    form = pdf_forms.application()
    first, second = (Filling(engine, form, values, flatten=flatten).pdf for _ in range(2))
    assert first == second
