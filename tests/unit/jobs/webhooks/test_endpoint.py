from __future__ import annotations

import json
from typing import Any

import pytest

from jobs.webhooks.endpoint import DEFAULT_EVENT_TYPES, EndpointConfig, type_pattern, wants_job

URL = "https://example.test/"


@pytest.mark.parametrize(
    ("globs", "event_type", "matches"),
    [
        (DEFAULT_EVENT_TYPES, "job.succeeded", True),
        (DEFAULT_EVENT_TYPES, "job.queued", False),
        (("*",), "webhook_endpoint.disabled", True),
        (("*" * 63 + "x",), "webhook_endpoint.disabled", False),
        (("job.*",), "job.started", True),
        (("job.*",), "jobs.started", False),
        (("job.s*d",), "job.succeeded", True),
        (("job",), "job.queued", False),
        (("job.queue",), "job.queued", False),
        (("x", "batch.*"), "batch.completed", True),
    ],
)
def test_globs_match_whole_names(globs: tuple[str, ...], event_type: str, matches: bool) -> None:
    assert bool(type_pattern(globs).fullmatch(event_type)) is matches


@pytest.mark.parametrize(
    ("kinds", "tags", "job", "wanted"),
    [
        ((), (), None, True),
        ((), (), {"kind": "a", "tags": []}, True),
        (("a",), (), {"kind": "a", "tags": []}, True),
        (("a",), (), {"kind": "b", "tags": []}, False),
        ((), ("x", "y"), {"kind": "b", "tags": ["y", "z"]}, True),
        ((), ("x",), {"kind": "b", "tags": []}, False),
        (("a",), ("x",), {"kind": "a", "tags": ["x"]}, True),
        (("a",), ("x",), {"kind": "b", "tags": ["x"]}, False),
        (("a",), (), None, False),
    ],
)
def test_filters_match_the_kind_and_any_of_the_tags(
    kinds: tuple[str, ...], tags: tuple[str, ...], job: dict[str, Any] | None, wanted: bool
) -> None:
    assert wants_job(EndpointConfig(url=URL, kinds=kinds, tags=tags), job) is wanted


def test_a_config_is_read_back_even_with_members_of_a_newer_release() -> None:
    config = EndpointConfig(url=URL, tags=("a",), metadata={"b": [1]}, max_per_second=0.5)
    text = config.to_json()
    assert EndpointConfig.of(json.loads(text)) == config
    assert EndpointConfig.of(json.loads(text[:-1] + ',"later":1}')) == config
