"""Documentation names only what exists."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = sorted(
    [
        *ROOT.glob("*.md"),
        *(ROOT / "docs").rglob("*.md"),
        ROOT / "notifier/client/README.md",
        ROOT / "benchmarks/RESULTS.md",
    ]
)
TREES = ("api", "jobs", "notifier", "tests", "testsupport", "benchmarks", "docs", "scripts", "examples")

PATH = re.compile(rf"(?<![\w/.-])(?:{'|'.join(TREES)})(?:/[\w.-]+)+/?")
LINK = re.compile(r"\]\((?!https?:|#|mailto:)([^)#\s]+)")
SECTION_LINK = re.compile(r"\]\((?!https?:)([^)#\s]*)#([^)\s]+)\)")
CODE = re.compile(r"^```.*?^```|`[^`\n]*`", re.MULTILINE | re.DOTALL)


def without_placeholders(text: str) -> str:
    """The text without paths that stand for many, such as `jobs/store/scripts/*/*.lua`."""
    return re.sub(r"[\w./-]*[*<{…][^\s`|]*", "", text)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_path_that_a_page_names_exists(page: Path) -> None:
    named = {path.rstrip("./") for path in PATH.findall(without_placeholders(page.read_text()))}
    assert not [path for path in sorted(named) if not (ROOT / path).exists()]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_between_pages_leads_somewhere(page: Path) -> None:
    assert not [link for link in LINK.findall(page.read_text()) if not (page.parent / link).exists()]


def sections(page: Path) -> set[str]:
    """The ids that GitHub gives to the headings of a page."""
    text = re.sub(r"^```.*?^```", "", page.read_text(), flags=re.MULTILINE | re.DOTALL)
    headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_to_a_section_leads_to_a_heading(page: Path) -> None:
    links = SECTION_LINK.findall(CODE.sub("", page.read_text()))
    broken = [
        f"{target}#{section}"
        for target, section in links
        if section not in sections(page.parent / target if target else page)
    ]
    assert not broken


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_lines_of_prose_wrap_at_100(page: Path) -> None:
    lines, in_block = page.read_text().splitlines(), False
    long = []
    for number, line in enumerate(lines, 1):
        in_block ^= line.startswith("```")
        if len(line) > 100 and not in_block and not line.startswith(("|", "```")) and "](http" not in line:
            long.append(number)
    assert not long
