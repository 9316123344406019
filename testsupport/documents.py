"""Documents with a known effect on a renderer."""

from __future__ import annotations

NESTED_FLEX = '<div style="display:flex">' * 40 + "x"
"""Never ends: a flex container lays out its content twice, so the innermost 2⁴⁰ times."""

ENDLESS = (
    "<style>"
    + "".join(f".c{i} {{ color: red }}" for i in range(60_000))
    + "</style>"
    + "<p class=c1>x" * 20_000
)
"""Parses and lays out for far longer than any test waits."""

SMALL = "<h1>Invoice 17</h1><p>Thank you."

NONSENSE = (
    "<<<>>></p></table><tr><td>&bogus;&#xD800;\x00<svg><script></svg><p style='width:1e999px;color:['>\ufffe"
)


def table(rows: int) -> str:
    """A table that takes many pages and much memory."""
    return "<table>" + "<tr><td>a cell<td>another<td>a third" * rows + "</table>"
