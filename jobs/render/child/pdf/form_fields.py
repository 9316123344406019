"""Makes form fields that PDF readers show and fill in as a browser would.

WeasyPrint makes a field of each form control, from the elements as they are when the PDF is
written. What it takes from them, and what readers need besides, is changed here.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pydyf  # type: ignore[import-untyped]
import weasyprint
import weasyprint.pdf.anchors
from weasyprint.text.ffi import pango, unicode_to_char_p
from weasyprint.text.fonts import get_font_description

_CHECK_MARK = "4"
"""The check mark of ZapfDingbats, with which PDF readers draw check boxes anew."""
_CHECK_MARK_WIDTH = 800
_CHECK_MARK_PATH = f"{_CHECK_MARK_WIDTH} 0 0 0 750 700 d1 0 350 m 300 0 l 750 700 l 330 220 l f"
"""In thousandths of an em."""


@contextmanager
def text_fonts() -> Iterator[None]:
    """Keeps fields out of emoji fonts. A field has one font, the first that is installed."""
    weasyprint.pdf.anchors.get_font_description = _description  # type: ignore[attr-defined]
    try:
        yield
    finally:
        weasyprint.pdf.anchors.get_font_description = get_font_description  # type: ignore[attr-defined]


def complete_choices(tree: Any) -> None:
    """Gives each ``<option>`` the text and the value that it has in a browser.

    An option without ``value`` has its text as value, options of a group are options of the
    ``<select>``, and a list that shows one option has one selected. Call it after layout.
    """
    for select in tree.iter("select"):
        options = list(select.iter("option"))
        for option in options:
            text = " ".join("".join(option.itertext()).split())
            option.attrib.setdefault("value", text)
            option.text = option.get("label") or text
        shows_one = "multiple" not in select.attrib and select.get("size", "1") in ("", "0", "1")
        if shows_one and not any("selected" in option.attrib for option in options):
            for option in options:
                if "disabled" not in option.attrib:
                    option.set("selected", "")
                    break
        select[:] = options


def drop_dead_buttons(document: weasyprint.Document, *, all_buttons: bool = False) -> None:
    """Removes buttons that send nothing: WeasyPrint lists them as fields that it does not write.

    With `all_buttons`, it removes the others, too.
    """
    for page in document.pages:
        for form, controls in page.forms.items():
            page.forms[form] = [
                (box, rectangle)
                for box, rectangle in controls
                if not _is_button(box.element)
                or (not all_buttons and form is not None and _sends(form.element))
            ]


def complete_fields(pdf: pydyf.PDF) -> None:
    """Lists each field once, and brings the sign with which readers draw checked check boxes.

    They take it from a font named ZaDb. Without one, poppler draws nothing if the machine has no
    ZapfDingbats.
    """
    form = pdf.catalog.get("AcroForm")
    if form is None:
        return
    fields = [item for item in pdf.objects if isinstance(item, pydyf.Dictionary) and "FT" in item]
    parts = {field.reference for field in fields if "Parent" in field}
    form["Fields"] = pydyf.Array(each for each in form["Fields"] if each not in parts)
    boxes = [field for field in fields if "MK" in field and "Parent" not in field]
    for box in boxes:
        color = " ".join(f"{part:.4g}" for part in box["MK"]["BC"])
        box["MK"]["CA"] = pydyf.String(_CHECK_MARK)
        box["DA"] = pydyf.String(f"{color} rg /ZaDb 0 Tf")
    if boxes:
        by_reference = {item.reference: item for item in pdf.objects}
        fonts = by_reference[by_reference[form["DR"]]["Font"]]
        fonts["ZaDb"] = _font_of_check_marks(pdf).reference


def _font_of_check_marks(pdf: pydyf.PDF) -> pydyf.Dictionary:
    mark = pydyf.Stream([_CHECK_MARK_PATH])
    pdf.add_object(mark)
    code = ord(_CHECK_MARK)
    font = pydyf.Dictionary(
        {
            "Type": "/Font",
            "Subtype": "/Type3",
            "FontBBox": pydyf.Array([0, 0, _CHECK_MARK_WIDTH, 700]),
            "FontMatrix": pydyf.Array([0.001, 0, 0, 0.001, 0, 0]),
            "CharProcs": pydyf.Dictionary({"check": mark.reference}),
            "Encoding": pydyf.Dictionary({"Type": "/Encoding", "Differences": pydyf.Array([code, "/check"])}),
            "FirstChar": code,
            "LastChar": code,
            "Widths": pydyf.Array([_CHECK_MARK_WIDTH]),
            "Resources": pydyf.Dictionary(),
        }
    )
    pdf.add_object(font)
    return font


def _is_button(element: Any) -> bool:
    return bool(element.tag == "button" or element.get("type") == "submit")


def _sends(form: Any) -> bool:
    """Whether WeasyPrint makes a field of the buttons of `form`."""
    return bool(form.get("action")) and form.get("method", "").lower() != "post"


def _description(style: Any) -> Any:
    """Returns the font description of `style`, without emoji and symbol fonts."""
    description = get_font_description(style)
    families = [name for name in style["font_family"] if not _has_no_letters(name)] or ["sans-serif"]
    name, _keep = unicode_to_char_p(",".join(families))
    pango.pango_font_description_set_family(description, name)
    return description


def _has_no_letters(family: str) -> bool:
    return any(part in family.lower() for part in ("emoji", "symbol"))
