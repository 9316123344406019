from __future__ import annotations

from pathlib import Path

from jobs.render.child.pdf.conformance.checking import CHECKS

PAGE = Path(__file__).parents[7] / "docs" / "rendering" / "archive-and-accessibility.md"
COLUMNS = ("PDF/A-1", "PDF/A-2, A-3", "PDF/A-4", "PDF/UA-1", "PDF/UA-2")
PARTS = {"PDF/A-2": "PDF/A-2, A-3", "PDF/A-3": "PDF/A-2, A-3"}


def test_the_table_of_clauses_has_every_clause_that_is_checked_and_no_other() -> None:
    _, _, rest = PAGE.read_text().partition("\n| what is checked |")
    rows = [line.split("|")[2:-1] for line in rest.partition("\n\n")[0].splitlines()[2:]]
    shown = {
        (column, cell.split()[0])
        for row in rows
        for column, cell in zip(COLUMNS, row, strict=True)
        if cell.strip()
    }
    checked = {
        (PARTS.get(standard, standard), clause)
        for check in CHECKS
        for standard, clause in check.clauses.items()
    }
    assert shown == checked
    assert len(rows) == len(CHECKS)
