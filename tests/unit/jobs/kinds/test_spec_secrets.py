from __future__ import annotations

import json
from typing import Any

import pytest

from jobs.core.errors.job import SecretsUnreadable
from jobs.core.job import Claim, Result
from jobs.core.settings import BadSetting
from jobs.kinds import Run
from jobs.kinds.spec_secrets import SpecSecrets

FIRST, SECOND = "a" * 32, "b" * 32
PLAIN = {"input": {"url": "https://a.example"}, "options": {}}
SPEC = {**PLAIN, "secrets": {"password": "hunter2"}}


def with_keys(*keys: str) -> SpecSecrets:
    return SpecSecrets(lambda: keys)


def no_keys() -> tuple[str, ...]:
    raise BadSetting("PRESSRUN_SECRET_KEY", "is not set", "a key")


def run_of(spec: dict[str, Any]) -> Run:
    claim = Claim("job_1", "acme", "pdf.render", 1, 0, 1, None, None, None, b"")
    return Run(claim=claim, spec=spec, timeout_ms=700, report=lambda progress: None)


def test_secrets_are_stored_sealed_and_opened_for_their_tenant() -> None:
    stored = with_keys(FIRST).stored(SPEC, "acme")
    assert "hunter2" not in json.dumps(stored)
    assert with_keys(SECOND, FIRST).opened(stored, "acme") == (PLAIN, {"password": "hunter2"})
    for secrets, tenant in (
        (with_keys(FIRST), "other"),
        (with_keys(SECOND), "acme"),
        (SpecSecrets(no_keys), "acme"),
    ):
        with pytest.raises(SecretsUnreadable, match="PRESSRUN_SECRET_KEY") as unreadable:
            secrets.opened(stored, tenant)
        assert unreadable.value.retryable


def test_a_spec_without_secrets_is_stored_as_it_is_and_needs_no_key() -> None:
    secrets = SpecSecrets(no_keys)
    assert secrets.stored(PLAIN, "acme") is PLAIN
    assert secrets.opened(PLAIN, "acme") == (PLAIN, {})


def test_files_stay_where_every_release_looks_for_them() -> None:
    files = {"a.css": "12ab"}
    stored = with_keys(FIRST).stored({**SPEC, "files": files}, "acme")
    assert stored["files"] == files
    assert with_keys(FIRST).opened(stored, "acme")[0] == {**PLAIN, "files": files}


def test_a_release_that_does_not_know_secrets_finds_no_document() -> None:
    assert {"input", "options"}.isdisjoint(with_keys(FIRST).stored(SPEC, "acme"))


async def test_a_runner_gets_the_spec_and_the_secrets_apart() -> None:
    runs: list[Run] = []

    async def runner(run: Run) -> Result:
        runs.append(run)
        return Result(body=b"x", content_type="text/plain", filename="x.txt")

    secrets = with_keys(FIRST)
    await secrets.opening(runner)(run_of(secrets.stored(SPEC, "acme")))
    await secrets.opening(runner)(run_of(PLAIN))
    assert [(run.spec, run.secrets) for run in runs] == [(PLAIN, {"password": "hunter2"}), (PLAIN, {})]
    assert "hunter2" not in repr(runs)


def test_a_digest_needs_the_key_and_stays_while_a_new_key_is_added() -> None:
    assert with_keys(FIRST).digest(b"x") == with_keys(SECOND, FIRST).digest(b"x")
    assert with_keys(FIRST).digest(b"x") != with_keys(SECOND).digest(b"x")
    assert with_keys(FIRST).digest(b"x") != with_keys(FIRST).digest(b"y")
