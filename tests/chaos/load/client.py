"""Sends requests of one tenant to any web process, and records the answers."""

from __future__ import annotations

import json
import random
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import aiohttp

from tests.chaos.observations import Recorder
from tests.chaos.targets import Targets

REQUEST_TIMEOUT_S = 20
"""A process that is frozen for longer has answered nothing: the outcome is unknown."""
File = tuple[str, bytes, str]
"""Name, content and media type of an uploaded file."""


@dataclass(frozen=True)
class Answer:
    began: float
    status: int | None = None
    """None: no answer, or only a part of one."""
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""

    @property
    def json(self) -> Any:
        """The JSON document of the body; empty if there is none."""
        return json.loads(self.body) if "json" in self.headers.get("content-type", "") else {}

    @property
    def code(self) -> str | None:
        is_problem = "problem" in self.headers.get("content-type", "")
        return self.json.get("code") if is_problem else None


class Client:
    """A client of one tenant. Each request goes to a process chosen at random."""

    def __init__(
        self,
        http: aiohttp.ClientSession,
        targets: Targets,
        tenant: str,
        rng: random.Random,
        recorder: Recorder,
    ) -> None:
        self.tenant = tenant
        self.recorder = recorder
        self.http = http
        self.headers = {"Authorization": f"Bearer {targets.tenant_keys[tenant]}"}
        self._web_urls = targets.web_urls
        self._rng = rng

    def web_url(self) -> str:
        return self._rng.choice(self._web_urls)

    async def ask(
        self,
        method: str,
        path: str,
        *,
        json: Any = None,
        body: bytes | None = None,
        files: tuple[File, ...] = (),
        fields: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        params: Mapping[str, str] | None = None,
    ) -> Answer:
        """Sends a request. `files` and `fields` make a multipart form."""
        data: Any = body
        if files:
            data = aiohttp.FormData(fields or {}, default_to_multipart=True)
            for name, content, media_type in files:
                data.add_field("file", content, filename=name, content_type=media_type)
        began = time.monotonic()
        try:
            async with self.http.request(
                method,
                self.web_url() + path,
                json=json,
                data=data,
                params=params,
                headers={**self.headers, **(headers or {})},
                timeout=aiohttp.ClientTimeout(REQUEST_TIMEOUT_S),
            ) as answer:
                content = await answer.read()
                return Answer(
                    began, answer.status, {k.lower(): v for k, v in answer.headers.items()}, content
                )
        except (aiohttp.ClientError, TimeoutError, OSError):
            return Answer(began)

    def note(self, kind: Any, answer: Answer, **members: Any) -> None:
        """Records a request and its answer."""
        self.recorder.note(
            kind,
            tenant=self.tenant,
            began=answer.began,
            status=answer.status,
            code=answer.code,
            retry_after="retry-after" in answer.headers,
            **members,
        )
