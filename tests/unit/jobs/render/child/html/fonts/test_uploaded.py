"""Documents that name uploaded fonts, one after the other in one process."""

from __future__ import annotations

from collections.abc import Sequence
from io import BytesIO
from typing import Any

import pikepdf
import pytest
from fontTools.ttLib import TTFont

from jobs.render.child.html.engine import Engine, RenderedDocument
from jobs.render.protocol.wire import Frame
from testsupport.own_font import own_font, variable_font

REGULAR, BOLD = own_font(500, "Acme Sans"), own_font(700, "Acme Sans", style="Bold", weight=700)
OTHER = own_font(300, "Acme Serif")
DEJAVU = own_font(800, "DejaVu Sans")
FONTS = {"Acme Sans": [REGULAR, BOLD], "Acme Serif": [OTHER], "DejaVu Sans": [DEJAVU]}
CONTENTS = [font for fonts in FONTS.values() for font in fonts]
OFFERED = [[family] for family, fonts in FONTS.items() for _ in fonts]


class Tenant:
    """Renders documents with an engine, and answers when it asks for fonts."""

    def __init__(self) -> None:
        self.asked: list[int] = []
        self.contents = CONTENTS
        self.engine = Engine(self._answer)

    def _answer(self, question: dict[str, Any]) -> Frame:
        assert question["type"] == "font"
        self.asked.append(question["number"])
        return Frame({"type": "font"}, self.contents[question["number"]])

    def render(
        self,
        html: str,
        offered: Sequence[Sequence[str]] = OFFERED,
        files: dict[str, bytes] | None = None,
        **options: Any,
    ) -> RenderedDocument:
        self.asked.clear()
        rendered = self.engine.render(
            "html", html.encode(), options, lambda step: None, files, uploaded_fonts=offered
        )
        self.engine.tidy_up()
        return rendered


@pytest.fixture(scope="module")
def tenant() -> Tenant:
    return Tenant()


def fonts_of(rendered: RenderedDocument) -> set[str]:
    with pikepdf.open(BytesIO(rendered.pdf)) as opened:
        names = {
            str(item.BaseFont)
            for item in opened.objects
            if isinstance(item, pikepdf.Dictionary) and "/BaseFont" in item
        }
    return {name.partition("+")[2] for name in names}


def programs_of(rendered: RenderedDocument) -> list[TTFont]:
    """The fonts in the PDF, the narrowest first."""
    with pikepdf.open(BytesIO(rendered.pdf)) as opened:
        programs = [
            TTFont(BytesIO(item["/FontFile2"].read_bytes()))
            for item in opened.objects
            if isinstance(item, pikepdf.Dictionary) and "/FontFile2" in item
        ]
    return sorted(programs, key=lambda program: max(glyph_widths(program)))


def glyph_widths(program: TTFont) -> list[int]:
    glyphs = [program["glyf"][name] for name in program.getGlyphOrder()]
    return [glyph.xMax for glyph in glyphs if glyph.numberOfContours]


def in_font(family: str, text: str = "text") -> str:
    return f"<p style='font-family: {family}'>{text}"


def codes(rendered: RenderedDocument) -> list[str]:
    return [warning["code"] for warning in rendered.warnings]


@pytest.mark.parametrize("family", ["Acme Sans", "acme  sans", "&quot;ACME SANS&quot;", "Nowhere, Acme Sans"])
def test_text_that_names_a_family_is_set_in_all_its_fonts(tenant: Tenant, family: str) -> None:
    rendered = tenant.render(in_font(family, "text <b>bold</b>"))
    assert fonts_of(rendered) == {"Acme-Sans", "Acme-Sans-Bold"}
    assert (tenant.asked, codes(rendered)) == ([0, 1], [])


def test_a_document_asks_for_each_font_that_it_names_once_and_for_no_other(tenant: Tenant) -> None:
    tenant.render(in_font("Acme Serif") * 2 + in_font("serif"))
    assert tenant.asked == [2]
    tenant.render(in_font("serif"))
    assert tenant.asked == []
    tenant.render("<style>p { font-family: Acme Serif }</style>no text in it")
    assert tenant.asked == []


@pytest.mark.parametrize(
    "html",
    [
        "<style>:root { --f: Acme Serif } p { font-family: var(--f) }</style><p>x",
        "<style>@page { @top-center { content: 'x'; font-family: Acme Serif } }</style>",
        "<svg width=9 height=9><text y=9 font-family='Acme Serif'>x</text></svg>",
        "<p style='font-family: A\\63me Serif'>x",
    ],
    ids=["custom property", "page margin", "drawing", "escape"],
)
def test_a_family_is_found_wherever_it_is_named(tenant: Tenant, html: str) -> None:
    assert "Acme-Serif" in fonts_of(tenant.render(html))


def test_a_header_is_set_in_its_font(tenant: Tenant) -> None:
    header = {"default": in_font("Acme Serif", "head")}
    assert "Acme-Serif" in fonts_of(tenant.render("<p>x", header_html=header))


def test_a_family_may_have_its_scripts_in_different_files(tenant: Tenant) -> None:
    tenant.contents = [own_font(300, "Acme Sans"), own_font(900, "Acme Sans", range(0x410, 0x450))]
    rendered = tenant.render(
        "<meta charset=utf-8>" + in_font("Acme Sans", "abАБ"), offered=[["Acme Sans"]] * 2
    )
    tenant.contents = CONTENTS
    assert codes(rendered) == []
    assert [max(glyph_widths(program)) for program in programs_of(rendered)] == [250, 850]


def test_of_two_equal_fonts_the_first_is_used(tenant: Tenant) -> None:
    wide = own_font(900, "Acme Serif")
    drawn = []
    for contents in ([OTHER], [OTHER, wide], [wide, OTHER], [wide]):
        tenant.contents = contents
        drawn.append(tenant.render(in_font("Acme Serif"), offered=[["Acme Serif"]] * len(contents)).pdf)
    tenant.contents = CONTENTS
    assert drawn[0] == drawn[1] != drawn[2] == drawn[3]


def test_a_variable_font_has_all_its_weights(tenant: Tenant) -> None:
    tenant.contents = [variable_font("Acme Variable")]
    text = "a<b>a</b><span style='font-weight: 900'>a"
    rendered = tenant.render(in_font("Acme Variable", text), offered=[["Acme Variable"]])
    tenant.contents = CONTENTS
    assert fonts_of(rendered) == {"Acme-Variable", "Acme-Variable-Bold", "Acme-Variable-Heavy"}
    widths = [max(glyph_widths(program)) for program in programs_of(rendered)]
    assert len(set(widths)) == 3, "each is drawn in a shape of its own"


def test_a_form_field_is_filled_in_in_its_font(tenant: Tenant) -> None:
    rendered = tenant.render("<form><input style='font-family: Acme Serif' value=x></form>", forms=True)
    assert fonts_of(rendered) == {"Acme-Serif"}


def test_a_document_does_not_find_a_font_of_the_document_before_it(tenant: Tenant) -> None:
    assert fonts_of(tenant.render(in_font("Acme Sans"))) == {"Acme-Sans"}
    rendered = tenant.render(in_font("Acme Sans"), offered=[])
    assert "Acme-Sans" not in fonts_of(rendered)
    assert codes(rendered) == ["font_replaced"]


def test_the_bytes_do_not_depend_on_earlier_documents(tenant: Tenant) -> None:
    documents = [in_font("Acme Sans"), in_font("Acme Serif") + in_font("Acme Sans"), in_font("serif")]
    alone = [Tenant().render(document).pdf for document in documents]
    assert [tenant.render(document).pdf for document in documents] == alone


def test_a_font_that_was_replaced_is_used_at_once(tenant: Tenant) -> None:
    before = tenant.render(in_font("Acme Serif")).pdf
    tenant.contents = [REGULAR, BOLD, own_font(900, "Acme Serif"), DEJAVU]
    after = tenant.render(in_font("Acme Serif")).pdf
    tenant.contents = CONTENTS
    assert before != after
    assert tenant.render(in_font("Acme Serif")).pdf == before


def test_an_uploaded_font_hides_an_installed_one_of_its_name_from_its_document_only(tenant: Tenant) -> None:
    installed = tenant.render(in_font("DejaVu Sans", "ab Ж"), offered=[])
    assert fonts_of(installed) == {"DejaVu-Sans"}
    # The uploaded font has no Ж. In the PDF, the installed font would be the same font.
    uploaded = tenant.render(in_font("DejaVu Sans", "ab Ж"))
    (replacing,) = fonts_of(uploaded) - {"DejaVu-Sans"}
    assert replacing
    assert tenant.render(in_font("DejaVu Sans", "ab Ж"), offered=[]).pdf == installed.pdf


def test_a_font_that_the_document_brings_comes_first(tenant: Tenant) -> None:
    face = "<style>@font-face { font-family: Acme Serif; src: url(own.ttf) }</style>"
    own = tenant.render(face + in_font("Acme Serif"), files={"own.ttf": own_font(900, "Wide")})
    assert (tenant.asked, codes(own)) == ([], [])
    # If it cannot be loaded, the uploaded font is used.
    missing = tenant.render(face + in_font("Acme Serif"), files={"a.png": b""})
    assert (tenant.asked, fonts_of(missing)) == ([2], {"Acme-Serif"})


def test_a_generic_family_is_never_an_uploaded_font(tenant: Tenant) -> None:
    tenant.render(in_font("serif") + in_font("system-ui"), offered=[["serif"], ["system-ui"]])
    assert tenant.asked == []


def test_a_font_that_cannot_be_loaded_is_a_warning(tenant: Tenant) -> None:
    tenant.contents = [b"\0\1\0\0broken"] * len(OFFERED)
    rendered = tenant.render(in_font("DejaVu Sans"))
    tenant.contents = CONTENTS
    assert codes(rendered) == ["font_unavailable"]
    assert fonts_of(rendered) == {"DejaVu-Sans"}, "the installed font is not hidden"


def test_a_font_is_found_by_each_of_its_names_and_loaded_once(tenant: Tenant) -> None:
    light = own_font(
        200,
        "Acme Thin Light",
        weight=300,
        names={"typographicFamily": "Acme Thin", "typographicSubfamily": "Light"},
    )
    tenant.contents = [light]
    rendered = tenant.render(
        in_font("Acme Thin Light") + in_font("Acme Thin"), offered=[["Acme Thin", "Acme Thin Light"]]
    )
    tenant.contents = CONTENTS
    assert (tenant.asked, codes(rendered)) == ([0], [])
    assert len(fonts_of(rendered)) == 1
