"""Every page of the corpus gives the warnings that its line of the index lists, and no others."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from typing import Any, get_args

import pypdfium2
import pytest
import pytest_asyncio

from jobs.render.parent.pool import RenderPool
from jobs.render.protocol.limits import FetchLimits, RenderLimits
from jobs.render.protocol.warning_codes import WarningCode
from tests.corpus.page import PAGES, CorpusPage, corpus

CORPUS = corpus()


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def pool() -> AsyncIterator[RenderPool]:
    """Renders one document at a time, and fetches nothing."""
    pool = RenderPool(size=1, limits=RenderLimits(fetch=FetchLimits(mode="none")))
    await pool.start()
    yield pool
    await pool.close()


def differences(expected: Iterable[str], warnings: Iterable[dict[str, Any]]) -> tuple[list[str], list[str]]:
    """Returns the expectations without a warning, and the warnings that are not expected."""
    missing = list(expected)
    unexpected = []
    for warning in warnings:
        told = f"{warning['code']}: {warning['message']}"
        for each in missing:
            code, _, part = each.partition(": ")
            if warning["code"] == code and part in warning["message"]:
                missing.remove(each)
                break
        else:
            unexpected.append(told)
    return missing, unexpected


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("page", CORPUS, ids=lambda page: page.id)
async def test_a_page_gives_its_warnings_and_no_others(page: CorpusPage, pool: RenderPool) -> None:
    outcome = await page.render(pool)
    assert differences(page.warnings, outcome.details["warnings"]) == ([], [])
    assert outcome.details.get("warnings_omitted", {}) == {}
    assert has_ink(outcome.body) != ("page_empty" in page.warnings)


def has_ink(pdf: bytes) -> bool:
    """Tells whether the first page is not all of one colour."""
    drawn = pypdfium2.PdfDocument(pdf)[0].render(scale=0.2, grayscale=True).to_pil()  # type: ignore[no-untyped-call]
    darkest, lightest = drawn.getextrema()
    return darkest < lightest


def test_the_index_lists_every_page() -> None:
    documents = {path for path in PAGES.rglob("*") if path.suffix in (".html", ".md")}
    assert {page.document for page in CORPUS} == documents


def test_the_index_names_codes_that_exist() -> None:
    codes = {warning.partition(":")[0] for page in CORPUS for warning in page.warnings}
    assert codes <= set(get_args(WarningCode))
