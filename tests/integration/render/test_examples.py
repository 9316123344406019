"""The documents in `examples/`, rendered as a job renders them, with the fonts in `Aptfile`."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pikepdf
import pypdfium2
import pytest
import pytest_asyncio
import weasyprint

from jobs.kinds.pdf.render import PDF_RENDER
from jobs.render.child.html.template_filling import fill
from jobs.render.parent.pool import RenderPool, RenderRequest
from jobs.templates.checks import flaws_of_data, flaws_of_html, flaws_of_schema

EXAMPLES = Path(__file__).parents[3] / "examples"
PAGES = {
    "certificate": 1,
    "e-invoice": 1,
    "form": 1,
    "invoice": 1,
    "labels": 1,
    "letter": 1,
    "report": 9,
    "scripts": 2,
}
OPTIONS: dict[str, dict[str, Any]] = {
    "form": {"forms": True},
    "e-invoice": json.loads((EXAMPLES / "e-invoice/options.json").read_text()),
}
INVOICE_XML = (EXAMPLES / "e-invoice/factur-x.xml").read_bytes()
MM_POINTS = 72 / 25.4
one_loop = pytest.mark.asyncio(loop_scope="module")


@dataclass(frozen=True)
class Example:
    name: str
    pdf: pikepdf.Pdf
    pages: pypdfium2.PdfDocument
    warnings: list[dict[str, str]]

    def text(self) -> str:
        return "\n".join(page.get_textpage().get_text_range() for page in self.pages)

    def corner_mm(self, words: str, page: int = 0) -> tuple[float, float]:
        """Distance of the first `words` from the left and from the top of the page."""
        text = self.pages[page].get_textpage()
        found = text.search(words).get_next()
        assert found is not None, words
        left, _, _, top = text.get_charbox(found[0])
        return left / MM_POINTS, (self.pages[page].get_height() - top) / MM_POINTS


async def rendered(pool: RenderPool, name: str) -> Example:
    directory = EXAMPLES / name
    files: dict[str, bytes] = {}
    if directory.is_dir():
        files = {path.name: path.read_bytes() for path in directory.iterdir()}
        html = files.pop("index.html").decode()
        del files["options.json"]
    else:
        html = directory.with_suffix(".html").read_text()
    spec = PDF_RENDER.canonical({"html": html}, OPTIONS.get(name, {}), files)
    request = RenderRequest(format="html", document=html, options=spec["options"], files=files)
    outcome = await pool.render(request, tenant="acme", timeout_ms=60_000, report=lambda progress: None)
    return Example(
        name,
        pikepdf.open(io.BytesIO(outcome.body)),
        pypdfium2.PdfDocument(outcome.body),  # type: ignore[no-untyped-call]
        outcome.details["warnings"],
    )


@pytest_asyncio.fixture(loop_scope="module", scope="module", params=sorted(PAGES))
async def example(request: pytest.FixtureRequest, pool: RenderPool) -> Example:
    return await rendered(pool, request.param)


def fonts(pdf: pikepdf.Pdf) -> Iterator[pikepdf.Dictionary]:
    """Descriptors of all fonts in the PDF, those of forms included."""
    for thing in pdf.objects:
        if isinstance(thing, pikepdf.Dictionary) and thing.get("/Type") == "/FontDescriptor":
            yield thing


def fields(pdf: pikepdf.Pdf) -> dict[str, pikepdf.Object]:
    """The fields of the form by name."""
    return {
        str(field.T): field for field in pdf.Root.AcroForm.Fields if "/T" in field and "/Parent" not in field
    }


class TestAll:
    def test_every_document_is_listed_here(self) -> None:
        alone = {path.stem for path in EXAMPLES.glob("*.html")}
        with_files = {path.parent.name for path in EXAMPLES.glob("*/index.html")}
        assert alone | with_files == set(PAGES)

    @one_loop
    async def test_has_its_number_of_pages(self, example: Example) -> None:
        assert len(example.pdf.pages) == PAGES[example.name]

    @one_loop
    async def test_has_no_warnings(self, example: Example) -> None:
        assert example.warnings == []

    @one_loop
    async def test_has_a_title(self, example: Example) -> None:
        assert str(example.pdf.docinfo["/Title"])

    @one_loop
    async def test_every_font_is_embedded(self, example: Example) -> None:
        embedded = [any(f"/FontFile{n}" in font for n in ("", "2", "3")) for font in fonts(example.pdf)]
        assert embedded
        assert all(embedded)


@one_loop
class TestLetter:
    async def test_the_address_lies_in_the_window_of_the_envelope(self, pool: RenderPool) -> None:
        letter = await rendered(pool, "letter")
        for line in ("Prof. Amadou Lindqvist", "2040 Saltmere"):
            left, top = letter.corner_mm(line)
            assert left == pytest.approx(25, abs=0.5)
            assert 62.7 <= top <= 45 + 45 - 4

    async def test_the_slip_lies_below_the_second_fold(self, pool: RenderPool) -> None:
        letter = await rendered(pool, "letter")
        assert letter.corner_mm("Head of exhibitions")[1] < 205
        assert letter.corner_mm("Please by 3 April")[1] > 215


@one_loop
class TestCertificate:
    async def test_it_is_a_sheet_of_a4_on_its_side(self, pool: RenderPool) -> None:
        certificate = await rendered(pool, "certificate")
        width, height = certificate.pages[0].get_size()
        assert (width / MM_POINTS, height / MM_POINTS) == pytest.approx((297, 210), abs=0.1)

    async def test_its_ornaments_are_drawings_and_not_images(self, pool: RenderPool) -> None:
        certificate = await rendered(pool, "certificate")
        images = [
            each
            for each in certificate.pdf.objects
            if isinstance(each, pikepdf.Stream) and each.get("/Subtype") == "/Image"
        ]
        assert images == []


@one_loop
async def test_labels_are_at_the_positions_of_the_sheet(pool: RenderPool) -> None:
    labels = await rendered(pool, "labels")
    numbers = [line for line in labels.text().split() if line.startswith("OMM-")]
    assert len(set(numbers)) == 24
    offsets: list[tuple[float, ...]] = []
    left, top = 7.21 + 13.5, 12.9 + 11
    for years, row in (("1684", "1702", "1719"), 0), (("1836", "1864", "1882"), 7):
        for column, year in enumerate(years):
            expected = left + column * (63.5 + 2.54), top + row * 33.9
            offsets.append(
                tuple(at - wanted for at, wanted in zip(labels.corner_mm(year), expected, strict=True))
            )
    assert offsets == [pytest.approx(offsets[0], abs=0.05)] * 6
    assert offsets[0] == pytest.approx((0, 0), abs=1.2), "except for the space around the first digit"


@one_loop
class TestForm:
    async def test_every_field_has_its_type_and_a_readable_name(self, pool: RenderPool) -> None:
        example = await rendered(pool, "form")
        form = fields(example.pdf)
        assert {name: str(field.FT) for name, field in form.items()} == {
            **dict.fromkeys(("family_name", "given_names", "street", "born", "postcode", "town"), "/Tx"),
            **dict.fromkeys(("email", "telephone", "institution", "subject"), "/Tx"),
            **dict.fromkeys(
                (f"see_{what}" for what in ("maps", "atlases", "manuscripts", "photographs", "globes")),
                "/Btn",
            ),
            **dict.fromkeys(("rules", "news", "valid_for"), "/Btn"),
            "purpose": "/Ch",
        }
        assert [str(form[name].TU) for name in ("family_name", "subject", "see_maps")] == [
            "Family name",
            "What are you working on?",
            "Maps and charts",
        ]

    async def test_one_of_several_terms_is_chosen(self, pool: RenderPool) -> None:
        example = await rendered(pool, "form")
        form = fields(example.pdf)
        choice = form["valid_for"]
        assert [str(option) for option in choice.Opt] == ["day", "month", "year"]
        assert str(choice.V) == "/1"
        assert [str(option[1]) for option in form["purpose"].Opt][:2] == ["Research", "Teaching"]


def amounts(xml: ElementTree.Element, tag: str) -> list[Decimal]:
    return [Decimal(found.text or "") for found in xml.iter(f"{{{RAM}}}{tag}")]


RAM = "urn:un:unece:uncefact:data:standard:ReusableAggregateBusinessInformationEntity:100"
CII = "urn:un:unece:uncefact:data:standard:CrossIndustryInvoice:100"


@one_loop
class TestElectronicInvoice:
    async def test_the_data_is_attached_as_an_alternative_to_the_page(self, pool: RenderPool) -> None:
        invoice = await rendered(pool, "e-invoice")
        (file,) = invoice.pdf.Root.AF
        assert str(file.AFRelationship) == "/Alternative"
        assert list(invoice.pdf.attachments) == ["factur-x.xml"]
        assert invoice.pdf.attachments["factur-x.xml"].get_file().read_bytes() == INVOICE_XML

    async def test_its_metadata_name_pdf_a_3_and_the_factur_x_profile_of_the_data(
        self, pool: RenderPool
    ) -> None:
        invoice = await rendered(pool, "e-invoice")
        with invoice.pdf.open_metadata() as metadata:
            said: Mapping[str, str] = metadata
            fx = "{urn:factur-x:pdfa:CrossIndustryDocument:invoice:1p0#}"
            assert metadata.pdfa_status == "3B"
            assert {name: said[fx + name] for name in ("DocumentType", "DocumentFileName", "Version")} == {
                "DocumentType": "INVOICE",
                "DocumentFileName": "factur-x.xml",
                "Version": "1.0",
            }
            assert said[fx + "ConformanceLevel"] == "EN 16931"
        assert b"<ram:ID>urn:cen.eu:en16931:2017</ram:ID>" in INVOICE_XML

    async def test_it_conforms_to_what_pdf_a_requires(self, pool: RenderPool) -> None:
        pdf = (await rendered(pool, "e-invoice")).pdf
        assert not pdf.is_encrypted
        assert [str(intent.S) for intent in pdf.Root.OutputIntents] == ["/GTS_PDFA1"]
        assert bytes(pdf.Root.OutputIntents[0].DestOutputProfile.read_bytes())[16:20] == b"RGB "
        assert len(pdf.trailer.ID) == 2
        assert all(
            "/JavaScript" not in str(each.get("/S", ""))
            for each in pdf.objects
            if isinstance(each, pikepdf.Dictionary)
        )

    async def test_the_page_shows_the_values_of_the_data(self, pool: RenderPool) -> None:
        text = (await rendered(pool, "e-invoice")).text()
        xml = ElementTree.fromstring(INVOICE_XML)
        shown = [
            *amounts(xml, "LineTotalAmount"),
            *amounts(xml, "CalculatedAmount"),
            *amounts(xml, "BasisAmount"),
            *amounts(xml, "GrandTotalAmount"),
            *amounts(xml, "DuePayableAmount"),
        ]
        assert [amount for amount in shown if f"{amount:,.2f}" not in text] == []
        named = [
            found.text or ""
            for tag in ("Name", "Description", "IssuerAssignedID")
            for found in xml.iter(f"{{{RAM}}}{tag}")
        ]
        assert [name for name in named if name not in text.replace("\r\n", " ")] == []
        assert (xml.findtext(f"{{{CII}}}ExchangedDocument/{{{RAM}}}ID") or "nothing") in text

    async def test_the_data_adds_up(self) -> None:
        xml = ElementTree.fromstring(INVOICE_XML)
        *lines, net = amounts(xml, "LineTotalAmount")
        prices, quantities = amounts(xml, "ChargeAmount"), amounts(xml, "BilledQuantity")
        assert [price * quantity for price, quantity in zip(prices, quantities, strict=True)] == lines
        (vat,), (total,), (paid,), (due,) = (
            amounts(xml, tag)
            for tag in ("TaxTotalAmount", "GrandTotalAmount", "TotalPrepaidAmount", "DuePayableAmount")
        )
        assert sum(lines) == net == sum(amounts(xml, "BasisAmount"))
        assert sum(amounts(xml, "CalculatedAmount")) == vat
        assert net + vat == total == paid + due


def test_the_template_has_no_flaws_and_its_data_makes_one_page() -> None:
    template = EXAMPLES / "templates" / "invoice"
    source = (template / "template.html").read_text()
    schema, data = (json.loads((template / name).read_text()) for name in ("schema.json", "data.json"))
    assert flaws_of_html(source, "") == flaws_of_schema(schema, "") == []
    assert list(flaws_of_data(schema, data, "", lambda: None)) == []
    stylesheet = weasyprint.CSS(string=(template / "style.css").read_text())
    pdf = pikepdf.open(
        io.BytesIO(weasyprint.HTML(string=fill(source, data)).write_pdf(stylesheets=[stylesheet]))
    )
    assert len(pdf.pages) == 1
    assert str(pdf.docinfo["/Title"]) == "Invoice 2026-0148"
