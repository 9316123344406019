"""What a render says about the standards that it was asked to follow."""

from __future__ import annotations

import io
from typing import Any

import pikepdf
import pytest

from testsupport.conforming import DOCUMENT, rendered

PARAGRAPH = "<html lang=en><title>t</title><p>x"


def warnings(html: str, **options: Any) -> list[dict[str, Any]]:
    return [each for each in rendered(html, **options).warnings if each["code"] == "conformance_broken"]


def test_transparency_in_pdf_a_1_is_told() -> None:
    found = rendered("<html lang=en><p style='opacity: .5'>x", pdf_variant="pdf/a-1b")
    (variant,) = found.conformance
    assert variant["variant"] == "PDF/A-1b"
    assert variant["standard"] == "ISO 19005-1:2005"
    assert variant["failed"] == ["6.4"]
    assert {each["code"] for each in found.warnings} == {"conformance_broken"}
    assert "6.4" in found.warnings[0]["message"]
    assert found.warnings[0]["page"] == 1
    assert rendered("<html lang=en><p style='opacity: .5'>x", pdf_variant="pdf/a-2b").warnings == []


@pytest.mark.parametrize(
    "variant",
    ["pdf/a-1a+ua-1", "pdf/a-2b+ua-1", "pdf/a-2u+ua-1", "pdf/a-3a+ua-1", "pdf/a-4+ua-2", "pdf/a-4e+ua-2"],
)
def test_a_document_can_follow_two_standards(variant: str) -> None:
    found = rendered(DOCUMENT, pdf_variant=variant)
    assert found.warnings == []
    assert [each["failed"] for each in found.conformance] == [[], []]


def test_without_a_variant_nothing_is_said() -> None:
    assert rendered(PARAGRAPH).conformance == []
    assert rendered(PARAGRAPH, pdf_variant="pdf/x-4").conformance == []


def test_the_finished_file_is_checked() -> None:
    found = rendered(DOCUMENT, pdf_variant="pdf/a-1a", linearize=True)
    assert found.warnings == []
    found = rendered(DOCUMENT, pdf_variant="pdf/ua-1", encrypt={"user_password": "x"})
    assert found.conformance[0]["failed"] == []


def test_the_warning_names_the_element() -> None:
    html = "<html lang=en><title>t</title><h1>a</h1><h3>b</h3><p><img src=picture.png>"
    assert [(each["element"], each["page"]) for each in warnings(html, pdf_variant="pdf/ua-1")] == [
        ("<h3> (element 6)", 1),
        ("<img> (element 8)", 1),
    ]


def test_a_document_without_a_language_is_told() -> None:
    (warning,) = warnings("<title>t</title><p>x", pdf_variant="pdf/ua-1")
    assert "language" in warning["message"]
    assert warnings("<title>t</title><p>x", pdf_variant="pdf/ua-1", metadata={"lang": "en"}) == []


def test_the_first_heading_is_the_title_if_there_is_none() -> None:
    found = rendered("<html lang=en><h1>Heading</h1>", pdf_variant="pdf/ua-1")
    assert found.conformance[0]["failed"] == []
    with pikepdf.open(io.BytesIO(found.pdf)) as pdf:
        assert pdf.docinfo["/Title"] == "Heading"
    (warning,) = warnings("<html lang=en><p>x", pdf_variant="pdf/ua-1")
    assert "title" in warning["message"]


def test_two_authors_are_one_text_in_pdf_a_1() -> None:
    html = "<html lang=en><meta name=author content=A><meta name=author content=B><p>x"
    assert warnings(html, pdf_variant="pdf/a-1b") == []


def test_images_are_not_smoothed_in_pdf_a() -> None:
    with pikepdf.open(io.BytesIO(rendered(DOCUMENT, pdf_variant="pdf/a-2b").pdf)) as pdf:
        images = [each for each in pdf.objects if isinstance(each, pikepdf.Stream) and "/Width" in each]
        assert [image.Interpolate for image in images] == [False]


def test_a_pdf_a_4f_without_attachments_is_told() -> None:
    (warning,) = warnings(PARAGRAPH, pdf_variant="pdf/a-4f")
    assert "attachments" in warning["message"]


def test_colours_that_the_output_intent_does_not_have_are_told() -> None:
    (warning,) = warnings(f"{PARAGRAPH}<p style='color: device-cmyk(0 1 0 0)'>y", pdf_variant="pdf/a-2b")
    assert "DeviceCMYK" in warning["message"]


@pytest.mark.parametrize("variant", ["pdf/a-2b", "pdf/a-3a+ua-1", "pdf/a-4+ua-2"])
def test_form_fields_are_drawn_in_pdf_a_and_do_nothing(variant: str) -> None:
    form = (
        "<html lang=en><title>t</title><form action='https://x.example'><label>A <input name=a value=x></label>"
        "<label>B <select name=b><option>1</select></label><label>C <input type=checkbox name=c></label>"
        "<button>Send</button></form>"
    )
    found = rendered(form, pdf_variant=variant, forms=True)
    assert all(each["failed"] == [] for each in found.conformance)
    with pikepdf.open(io.BytesIO(found.pdf)) as pdf:
        assert sorted(str(field.T) for field in pdf.Root.AcroForm.Fields) == ["a", "b", "c"]
    assert rendered(PARAGRAPH, pdf_variant=variant, forms=True).conformance[0]["failed"] == []


def test_advice_is_given_for_pdf_ua_and_not_for_tables_of_layout() -> None:
    rows = "<tr><td>1<td>2<tr><td>3<td>4"
    html = (
        f"{PARAGRAPH}<table>{rows}</table><table role=presentation>{rows}</table><form><input name=a></form>"
    )
    found = rendered(html, pdf_variant="pdf/ua-1", forms=True)
    assert found.conformance[0]["failed"] == []
    assert [(each["code"], each["element"]) for each in found.warnings] == [
        ("accessibility", "<table> (element 6)"),
        ("accessibility", "<input> (element 23)"),
    ]
    assert rendered(html, tagged=True, forms=True).warnings == []
