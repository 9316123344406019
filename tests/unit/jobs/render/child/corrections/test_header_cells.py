"""Where the text of header cells stands."""

from __future__ import annotations

import pytest

from jobs.render.child.html.engine import Engine
from tests.unit.jobs.render.child.corrections.rendering import looks_like

TABLE = "<table style='width: 100%'><tr><th>a<th>b<tr><td>c<td>d</table>"


@pytest.mark.parametrize(
    ("css", "same"),
    [
        ("", "th { text-align: center }"),
        ("table { text-align: right }", "th, td { text-align: right }"),
        ("th { text-align: left }", "tr { text-align: left }"),
        ("th { text-align: inherit }", "th { text-align: start }"),
    ],
)
def test_it_is_that_of_the_table_or_the_centre(engine: Engine, css: str, same: str) -> None:
    assert looks_like(engine, css, same, TABLE)
