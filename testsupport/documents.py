"""Documents with a known effect on a renderer."""

from __future__ import annotations

NEVER_ENDS = '<div style="display:flex">' * 40 + "x"
"""Nested flex containers are laid out again for each level: 2⁴⁰ times for the innermost."""

SMALL = "<h1>Invoice 17</h1><p>Thank you."

NONSENSE = (
    "<<<>>></p></table><tr><td>&bogus;&#xD800;\x00<svg><script></svg><p style='width:1e999px;color:['>\ufffe"
)


def table(rows: int) -> str:
    """A table that takes many pages and much memory."""
    return "<table>" + "<tr><td>a cell<td>another<td>a third" * rows + "</table>"
