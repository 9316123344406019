"""Markdown, from a render child: what is in the PDF."""

from __future__ import annotations

import io
from typing import Any

import pikepdf
import pypdfium2
import pytest

from jobs.render.parent.pool import RenderPool, RenderRequest

REPORT = """---
title: Quarterly report
author: Jane Roe
lang: en
date: 2026-01-31
---

# Summary

See [figures](#figures) and [next steps](#next-steps), and [über uns](#über-uns).

[TOC]

## Figures

- [x] sales
- [ ] costs

```python
def total(rows):
    return sum(row.amount for row in rows)
```

## Next steps

https://example.com/plan

## Über uns
"""

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def rendered(pool: RenderPool, text: str, **options: Any) -> tuple[pikepdf.Pdf, str, list[str]]:
    """The PDF, its text, and the codes of its warnings."""
    request = RenderRequest(format="markdown", document=text, options=options)
    outcome = await pool.render(request, tenant="acme", timeout_ms=20_000, report=lambda progress: None)
    document = pypdfium2.PdfDocument(outcome.body)  # type: ignore[no-untyped-call]
    shown = "\n".join(page.get_textpage().get_text_range() for page in document)
    codes = [warning["code"] for warning in outcome.details["warnings"]]
    return pikepdf.open(io.BytesIO(outcome.body)), shown, codes


async def test_a_report_as_people_write_it_for_github(pool: RenderPool) -> None:
    pdf, text, codes = await rendered(pool, REPORT)
    assert codes == []
    assert "title:" not in text
    assert (pdf.docinfo["/Title"], pdf.docinfo["/Author"]) == ("Quarterly report", "Jane Roe")
    assert pdf.Root.Lang == "en"
    assert str(pdf.docinfo["/CreationDate"]).startswith("D:20260131")
    links = [annotation for page in pdf.pages for annotation in page.get("/Annots", [])]
    places = {str(link.Dest) for link in links if "/Dest" in link}
    assert places == {"figures", "next-steps", "über-uns"}
    assert [str(link.A.URI) for link in links if "/A" in link] == ["https://example.com/plan"]
    assert "✓" in text


async def test_front_matter_that_is_no_yaml_is_told(pool: RenderPool) -> None:
    _, text, codes = await rendered(pool, "---\ntitle: Report: 2026\n---\n# Report\n")
    assert codes == ["front_matter_invalid"]
    assert text.split() == ["Report", "1", "/", "1"]


async def test_metadata_in_the_options_win_over_the_front_matter(pool: RenderPool) -> None:
    pdf, _, _ = await rendered(pool, REPORT, metadata={"title": "Mine", "lang": "de"})
    assert (pdf.docinfo["/Title"], pdf.Root.Lang) == ("Mine", "de")


async def test_the_callers_stylesheets_change_the_colours_of_code(pool: RenderPool) -> None:
    styles = [".hl-k { color: rgb(1, 2, 3) }"]
    pdf, _, _ = await rendered(pool, REPORT, stylesheets=styles)
    assert b"0.003922 0.007843 0.011765 rg" in pdf.pages[0].Contents.read_bytes()
