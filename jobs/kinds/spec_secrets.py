"""Keeps the secrets of specs encrypted in the store, and opens them for a run.

A spec with secrets is stored as ``{"sealed": …, "spec": {"input": …, "options": …}}``, with
``files`` beside these if there are any. A worker of a release that does not know secrets would run
the job without them. It fails at this form instead, with an error that is retried.

The secrets are in the input of the job and nowhere else, so they go when it goes. No step of their
own is needed: whenever a process dies, the store has the whole input or none.
"""

from __future__ import annotations

import dataclasses
import hmac
from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Any

from jobs.core.errors.job import SecretsUnreadable
from jobs.core.job import Result
from jobs.core.secret_box import CannotOpen, SecretBox
from jobs.core.secret_key import derive_key
from jobs.core.settings import BadSetting
from jobs.kinds import Run, Runner

_SEALING = "job secrets v1"
_DIGESTS = "job digests v1"


class SpecSecrets:
    def __init__(self, load_keys: Callable[[], Sequence[str]]) -> None:
        """`load_keys` returns `PRESSRUN_SECRET_KEY`. It is called when a spec has secrets: a worker
        that runs no such jobs needs no key."""
        self._load_keys = load_keys

    def stored(self, spec: dict[str, Any], tenant: str) -> dict[str, Any]:
        """Returns the form of `spec` that is stored: `spec` itself if it has no secrets."""
        if not spec.get("secrets"):
            return spec
        rest = dict(spec)
        sealed = self._box.seal(rest.pop("secrets"), tenant)
        files = {"files": rest.pop("files")} if "files" in rest else {}
        return {"sealed": sealed, "spec": rest, **files}

    def opened(self, stored: dict[str, Any], tenant: str) -> tuple[dict[str, Any], dict[str, Any]]:
        """Returns the spec that was stored, and its secrets. Raises SecretsUnreadable."""
        if "sealed" not in stored:
            return stored, {}
        try:
            secrets = self._box.open(stored["sealed"], tenant)
        except (CannotOpen, BadSetting):
            raise SecretsUnreadable(
                "The credentials of this job cannot be decrypted. The worker needs the PRESSRUN_SECRET_KEY "
                "that the web process had when it was submitted; it may come after a newer one and a comma. "
                "Or submit the job again."
            ) from None
        files = {"files": stored["files"]} if "files" in stored else {}
        return {**stored["spec"], **files}, secrets

    def digest(self, content: bytes) -> str:
        """Returns a digest of content with secrets, which nobody can guess without the key.

        It is made with the oldest key: so a repeated request is recognised while a new one is
        added.
        """
        key = derive_key(self._keys[-1], _DIGESTS)
        return hmac.digest(key, content, "sha256").hex()

    def opening(self, runner: Runner) -> Runner:
        """Returns a runner that gives `runner` the opened spec."""

        async def run_opened(run: Run) -> Result:
            spec, secrets = self.opened(run.spec, run.claim.tenant)
            return await runner(dataclasses.replace(run, spec=spec, secrets=secrets))

        return run_opened

    @cached_property
    def _keys(self) -> Sequence[str]:
        return self._load_keys()

    @cached_property
    def _box(self) -> SecretBox:
        return SecretBox(self._keys, _SEALING)
