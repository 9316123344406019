from __future__ import annotations

import pytest

from jobs.render.child.html.engine import Engine
from jobs.render.child.html.fetcher import ask_nobody


@pytest.fixture(scope="session")
def engine() -> Engine:
    return Engine(ask_nobody)
