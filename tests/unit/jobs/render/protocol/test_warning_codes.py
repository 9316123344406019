import re
from pathlib import Path
from typing import get_args

from jobs.render.protocol.warning_codes import SEVERITIES, SEVERITY, Severity, WarningCode, rank


def test_every_code_has_a_severity() -> None:
    assert set(SEVERITY) == set(get_args(WarningCode))
    assert set(SEVERITIES) == set(get_args(Severity))


def test_the_worst_comes_first() -> None:
    assert sorted(("css_ignored", "glyph_missing", "accessibility"), key=rank) == [
        "glyph_missing",
        "accessibility",
        "css_ignored",
    ]


def test_the_page_about_warnings_explains_every_warning_with_its_severity() -> None:
    page = (Path(__file__).parents[5] / "docs" / "rendering" / "warnings.md").read_text()
    _, _, rest = page.partition("\n## All warnings\n")
    rows = re.findall(r"^\| `(\w+)` \| ([^|]+) \| [^|]+ \|$", rest.partition("\n## ")[0], re.MULTILINE)
    explained = [(code, severity) for severity, codes in rows for code in re.findall(r"`(\w+)`", codes)]
    assert sorted(explained) == sorted(SEVERITY.items())
