from __future__ import annotations

import re
from pathlib import Path

import jobs.store.scripts
from jobs.core.events import EVENT_TYPES

SCRIPTS = {
    path.name: path.read_text("utf-8") for path in Path(jobs.store.scripts.__file__).parent.glob("*/*.lua")
}
BY_STATUS = {
    "_accept.lua": ("record.status", {"job.scheduled", "job.queued"}),
    "_transition.lua": ("status", {"job.succeeded", "job.failed", "job.cancelled"}),
}
"""Scripts that compose an event type: from which variable, and the types that result."""


def test_scripts_publish_the_listed_types_and_no_others() -> None:
    published = {"webhook.test"}
    for name, text in SCRIPTS.items():
        published |= set(re.findall(r"'([a-z_]+\.[a-z_]+)'", text))
        composed = re.findall(r"'[a-z_]+\.' \.\. ([\w.]+)", text)
        assert composed == [BY_STATUS[name][0]] if name in BY_STATUS else composed == []
        published |= BY_STATUS.get(name, ("", set()))[1]
    assert published == {*EVENT_TYPES, "webhook.test"}
