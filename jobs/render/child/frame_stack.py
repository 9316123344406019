"""Room for the frames of Python functions, taken once.

CPython keeps frames in chunks of 16 KiB that it maps when a call needs one and unmaps when that call returns. Where a
render calls and returns across such an edge again and again, each call costs some 7 µs instead of 0.03. A frame that
is large makes a large chunk, whose rest serves all calls below it.
"""

from __future__ import annotations

from collections.abc import Callable
from types import FunctionType

_WORDS = 32 * 1024
"""Of the large frame. Its chunk is the next power of two of bytes: 512 KiB, of which only what is used takes memory."""


def with_large_frame_stack(function: Callable[[], None]) -> None:
    """Calls `function` with room for some thousand frames below it."""
    _roomy(function)


def _call(function: Callable[[], None]) -> None:
    function()


_roomy = FunctionType(_call.__code__.replace(co_stacksize=_WORDS), {})
