"""What a render child says about the standards that a PDF claims to follow."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from jobs.kinds.pdf.render import PDF_RENDER
from jobs.render.parent.child_process import RenderOutcome
from jobs.render.parent.pool import RenderPool, RenderRequest
from jobs.render.protocol.warning_codes import SEVERITY

EXAMPLES = Path(__file__).parents[3] / "examples"

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def outcome(pool: RenderPool, html: str, **options: Any) -> RenderOutcome:
    canonical = PDF_RENDER.canonical({"html": html}, options)["options"]
    request = RenderRequest(format="html", document=html, options=canonical)
    return await pool.render(request, tenant="acme", timeout_ms=60_000, report=lambda progress: None)


async def test_a_standard_that_does_not_hold_is_an_error(pool: RenderPool) -> None:
    details = (await outcome(pool, "<p style='opacity: .5'>x", pdf_variant="pdf/a-1b")).details
    (conformance,) = details["conformance"]
    assert (conformance["variant"], conformance["failed"]) == ("PDF/A-1b", ["6.4"])
    assert {warning["code"] for warning in details["warnings"]} == {"conformance_broken"}
    assert SEVERITY["conformance_broken"] == "error"


async def test_without_a_standard_there_is_no_member_about_it(pool: RenderPool) -> None:
    assert "conformance" not in (await outcome(pool, "<p>x")).details


@pytest.mark.parametrize("example", ["certificate", "invoice", "letter", "report"])
@pytest.mark.parametrize("variant", ["pdf/a-3a+ua-1", "pdf/a-4+ua-2"])
async def test_the_examples_are_what_they_claim_to_be(pool: RenderPool, example: str, variant: str) -> None:
    html = (EXAMPLES / f"{example}.html").read_text()
    details = (await outcome(pool, html, pdf_variant=variant)).details
    assert [each["failed"] for each in details["conformance"]] == [[], []]
    assert [warning for warning in details["warnings"] if warning["code"] == "accessibility"] == []
