from __future__ import annotations

import resource
from collections.abc import Callable

from jobs.render.child.frame_stack import with_large_frame_stack

CALLS = 50
DEPTHS = 800


def calls_at(depth: int) -> None:
    if depth:
        return calls_at(depth - 1)
    for _ in range(CALLS):
        leaf()
    return None


def leaf() -> None: ...


def pages_mapped(function: Callable[[], None]) -> int:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    function()
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before


def calls_at_all_depths() -> None:
    for depth in range(DEPTHS):
        calls_at(depth)


def test_calls_map_no_memory_at_any_depth() -> None:
    counted: list[int] = []

    def twice() -> None:
        counted.extend(pages_mapped(calls_at_all_depths) for _ in range(2))

    with_large_frame_stack(twice)
    assert counted[1] < CALLS
    # Without the large frame, calls at some depths map memory each time.
    assert pages_mapped(calls_at_all_depths) > CALLS
