"""Options for the finished PDF: encryption, watermarks, attachments, invoices.

Made by a render child.
"""

from __future__ import annotations

import base64
import io
from typing import Any

import pikepdf
import pypdfium2
import pytest

from jobs.kinds.pdf.render import PDF_RENDER
from jobs.render.parent.pool import RenderPool, RenderRequest
from testsupport.invoices import GUIDELINES, invoice_xml

HTML = "<html lang=en><title>Invoice</title><h1>Invoice 17</h1><p style='break-before:page'>Page two"

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def rendered(pool: RenderPool, options: dict[str, Any], files: dict[str, bytes] | None = None) -> bytes:
    canonical = PDF_RENDER.canonical({"html": HTML}, options, files)["options"]
    request = RenderRequest(format="html", document=HTML, options=canonical, files=files or {})
    outcome = await pool.render(request, tenant="acme", timeout_ms=20_000, report=lambda progress: None)
    assert outcome.self_contained
    return outcome.body


def opened(pdf: bytes, password: str = "") -> pikepdf.Pdf:
    return pikepdf.open(io.BytesIO(pdf), password=password)


def shown(pdf: bytes, page: int) -> Any:
    document = pypdfium2.PdfDocument(pdf)  # type: ignore[no-untyped-call]
    return document[page]


def words(pdf: bytes, page: int) -> str:
    text: str = shown(pdf, page).get_textpage().get_text_bounded()
    return text


async def test_a_user_password_opens_the_pdf_and_nothing_else_does(pool: RenderPool) -> None:
    pdf = await rendered(pool, {"encrypt": {"user_password": "open", "owner_password": "own"}})
    with pytest.raises(pikepdf.PasswordError):
        opened(pdf)
    with opened(pdf, "open") as document:
        assert document.user_password_matched
        assert not document.owner_password_matched
        assert document.encryption.bits == 256
    with opened(pdf, "own") as document:
        assert document.owner_password_matched


async def test_permissions_that_were_not_refused_are_given(pool: RenderPool) -> None:
    permissions = {"print": False, "copy": False, "annotate": True}
    with opened(await rendered(pool, {"encrypt": {"permissions": permissions}})) as document:
        assert not document.owner_password_matched
        allow = document.allow
    assert not any((allow.print_lowres, allow.print_highres, allow.extract))
    assert all((allow.modify_annotation, allow.modify_other, allow.accessibility))


async def test_a_watermark_is_drawn_on_every_page_in_any_script(pool: RenderPool) -> None:
    pdf = await rendered(pool, {"watermark": {"text": "ENTWURF <ß>", "color": "#ff0000", "opacity": 1}})
    for page in (0, 1):
        assert "ENTWURF <ß>" in words(pdf, page)
        colours = shown(pdf, page).render(scale=0.3).to_pil().convert("RGB").getcolors(10**6)
        assert any(r > 200 and g < 80 and b < 80 for _, (r, g, b) in colours or [])
    assert "Invoice 17" in words(pdf, 0)
    assert "Page two" in words(pdf, 1)


async def test_a_linearized_pdf_begins_with_its_dictionary(pool: RenderPool) -> None:
    assert b"/Linearized" not in await rendered(pool, {})
    pdf = await rendered(pool, {"linearize": True})
    assert b"/Linearized" in pdf[:1024]
    assert pdf == await rendered(pool, {"linearize": True})


@pytest.mark.parametrize("variant", [{}, {"pdf_variant": "pdf/a-3b"}])
async def test_attachments_come_from_options_or_uploaded_files(
    pool: RenderPool, variant: dict[str, str]
) -> None:
    options = {
        **variant,
        "attachments": [
            {"name": "a.txt", "data": base64.b64encode(b"given").decode(), "description": "Text"},
            {"name": "data.csv", "file": "deep/data.csv", "relationship": "source"},
        ],
    }
    with opened(await rendered(pool, options, {"deep/data.csv": b"1,2"})) as document:
        found = {name: spec.get_file().read_bytes() for name, spec in document.attachments.items()}
        relations = [str(spec.AFRelationship) for spec in document.Root.AF]
    assert found == {"a.txt": b"given", "data.csv": b"1,2"}
    assert relations == ["/Unspecified", "/Source"]


@pytest.mark.parametrize(
    ("profile", "relationship"),
    [
        ("MINIMUM", "/Data"),
        ("BASIC WL", "/Data"),
        ("BASIC", "/Alternative"),
        ("EN 16931", "/Alternative"),
        ("EXTENDED", "/Alternative"),
        ("XRECHNUNG", "/Alternative"),
    ],
)
async def test_an_invoice_is_named_in_the_metadata_and_related_as_its_profile_says(
    pool: RenderPool, profile: str, relationship: str
) -> None:
    name = "xrechnung.xml" if profile == "XRECHNUNG" else "factur-x.xml"
    options = {
        "pdf_variant": "pdf/a-3b",
        "invoice": {"profile": profile},
        "attachments": [
            {"name": name, "file": "invoice.xml"},
            {"name": "terms.txt", "data": base64.b64encode(b"terms").decode()},
        ],
    }
    files = {"invoice.xml": invoice_xml(GUIDELINES[profile])}
    with opened(await rendered(pool, options, files)) as document:
        with document.open_metadata() as metadata:
            fx = "{urn:factur-x:pdfa:CrossIndustryDocument:invoice:1p0#}"
            assert metadata[fx + "ConformanceLevel"] == profile
            assert metadata[fx + "DocumentFileName"] == name
            assert metadata.pdfa_status == "3B"
        related = {str(each.UF): str(each.AFRelationship) for each in document.Root.AF}
        (xml,) = [each.EF.F for each in document.Root.AF if str(each.UF) == name]
    assert related == {name: relationship, "terms.txt": "/Unspecified"}
    assert str(xml.Subtype) == "/text/xml"
    assert "/ModDate" in xml.Params
