from __future__ import annotations

import pytest

from jobs.kinds.pdf.option_parts.sheets import in_points


def test_lengths_are_points_for_the_render_child() -> None:
    options = {"imposition": {"n_up": 2, "sheet_size": "a4", "gap": "1in"}, "bookmarks": False}
    found = in_points(options)
    assert found["imposition"].pop("sheet") == pytest.approx([595.28, 841.89], abs=0.01)
    assert found == {"imposition": {"n_up": 2, "gap": pytest.approx(72)}, "bookmarks": False}
    assert in_points({"linearize": True}) == {"linearize": True}
