"""The documents in `examples/`, rendered with the fonts that Aptfile names."""

import io
import json
import logging
from pathlib import Path

import pikepdf
import pytest
import weasyprint

from jobs.render.filling import fill
from jobs.templates.checks import flaws_of_data, flaws_of_html, flaws_of_schema

EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.fixture(scope="module", params=["invoice", "report", "scripts"])
def example(request: pytest.FixtureRequest) -> tuple[str, pikepdf.Pdf, list[str]]:
    """Its name, its PDF, and what WeasyPrint complained about."""
    complaints: list[str] = []

    class Recorder(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            complaints.append(record.getMessage())

    recorder = Recorder(logging.WARNING)
    logging.getLogger("weasyprint").addHandler(recorder)
    try:
        html = (EXAMPLES / f"{request.param}.html").read_text()
        pdf = weasyprint.HTML(string=html).write_pdf()
    finally:
        logging.getLogger("weasyprint").removeHandler(recorder)
    return request.param, pikepdf.open(io.BytesIO(pdf)), complaints


Example = tuple[str, pikepdf.Pdf, list[str]]


def test_has_as_many_pages_as_it_was_designed_for(example: Example) -> None:
    name, pdf, _ = example
    assert len(pdf.pages) == {"invoice": 1, "report": 9, "scripts": 2}[name]


def test_every_property_is_known_and_every_character_has_a_glyph(example: Example) -> None:
    _, _, complaints = example
    assert complaints == []


def test_is_titled(example: Example) -> None:
    _, pdf, _ = example
    assert str(pdf.docinfo["/Title"])


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
