from __future__ import annotations

from jobs.core.errors.store import StoreUnavailable
from notifier.webhooks.repeat import repeat


async def test_errors_end_no_step_and_unknown_ones_begin_anew() -> None:
    done: list[str] = []
    errors = [StoreUnavailable("away"), KeyError("of an unknown kind")]

    async def begin() -> None:
        done.append("begin")

    async def step() -> None:
        done.append("step")
        if errors:
            raise errors.pop(0)

    await repeat("test", step, lambda: done.count("step") == 3, begin)
    assert done == ["begin", "step", "step", "begin", "step"]
