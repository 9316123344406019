"""Chooses submissions: every kind of job, by every route. A plan can be sent several times."""

from __future__ import annotations

import dataclasses
import json
import random
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from tests.chaos.load import documents
from tests.chaos.load.client import File
from tests.chaos.load.knowledge import Knowledge
from tests.chaos.load.webhooks import SLOW_PATH
from tests.chaos.observations import Expected, digest_of

_NOT_A_PDF = ("broken.pdf", b"This is no PDF.", "application/pdf")
_TAGS = ("red", "green", "blue")
_SLOW_SHARE = 0.06
_LARGE = 40_000
"""Bytes. Documents above 32 KiB are stored as artifacts."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Plan:
    """A submission: what is sent, and what its jobs must produce."""

    route: str
    path: str
    nonce: str
    expected: tuple[Expected, ...]
    json: Any = None
    body: bytes | None = None
    files: tuple[File, ...] = ()
    fields: dict[str, str] = dataclasses.field(default_factory=dict)
    params: dict[str, str] = dataclasses.field(default_factory=dict)
    headers: dict[str, str] = dataclasses.field(default_factory=dict)
    key: str | None = None
    tags: tuple[str, ...] = ()
    scheduled_at: float | None = None
    expires_in: int | None = None
    webhook_path: str | None = None
    retry_of: str | None = None
    is_invalid: bool = False

    @property
    def content(self) -> str:
        body = self.body.decode() if self.body else None
        files = [(name, content.decode()) for name, content, _ in self.files]
        return digest_of([self.path, self.json, body, files, self.fields, self.params])


class Planner:
    """Chooses the submissions of one tenant."""

    def __init__(self, rng: random.Random, tenant: str, known: Knowledge, receiver_port: int) -> None:
        self._rng = rng
        self._tenant = tenant
        self._known = known
        self._receiver = f"http://127.0.0.1:{receiver_port}"
        self._count = 0
        self._choices: list[tuple[Callable[[], Plan | None], int]] = [
            (self._html_job, 34),
            (self._document, 14),
            (self._upload, 10),
            (self._template_job, 10),
            (self._merge, 8),
            (self._preview, 8),
            (self._template_preview, 3),
            (self._doomed, 5),
            (self._invalid, 3),
            (self._batch, 5),
        ]

    def next(self) -> Plan:
        """Returns the next plan. Some have an idempotency key."""
        choices, weights = zip(*self._choices, strict=True)
        (choice,) = self._rng.choices(choices, weights)
        plan = choice() or self._html_job()
        return dataclasses.replace(plan, key=f"key-{plan.nonce}") if self._rng.random() < 0.4 else plan

    def other_content(self, plan: Plan) -> Plan:
        """Returns other content with the key of `plan`."""
        return dataclasses.replace(self._html_job(), key=plan.key)

    def retry(self, job_id: str, nonce: str, expected: Expected) -> Plan:
        """Returns the retry of a job that failed or was cancelled."""
        key = f"retry-{self._new_nonce()}" if self._rng.random() < 0.5 else None
        path = f"/v1/jobs/{job_id}/retry"
        return Plan(route="retry", path=path, nonce=nonce, expected=(expected,), key=key, retry_of=job_id)

    # --- the choices ----------------------------------------------------------------------------

    def _html_job(self) -> Plan:
        input, expected = self._html()
        return self._job({"kind": "pdf.render", "input": input}, expected)

    def _html(self) -> tuple[dict[str, str], Expected]:
        word, colour = documents.word(self._rng), documents.colour(self._rng)
        (rows, padding) = self._rng.choices([(0, 0), (250, 0), (0, _LARGE)], [80, 10, 10])[0]
        text = documents.html(word, colour, rows=rows, padding=padding)
        if self._rng.random() < _SLOW_SHARE:  # runs long enough to be interrupted
            text += f"<img src='{self._receiver}{SLOW_PATH}{word}' alt=''>"
        return {"html": text}, Expected(texts=(word,), colour=colour)

    def _document(self) -> Plan:
        """`POST /v1/pdf`. The name of the file says which submission made a result."""
        input, expected = self._html()
        nonce = self._new_nonce()
        return Plan(
            route="pdf",
            path="/v1/pdf",
            nonce=nonce,
            expected=(expected,),
            body=input["html"].encode(),
            params={"options": json.dumps({"filename": f"{nonce}.pdf"})},
            headers={"Content-Type": "text/html", **self._prefer()},
        )

    def _upload(self) -> Plan:
        words, colour = (documents.word(self._rng), documents.word(self._rng)), documents.colour(self._rng)
        nonce = self._new_nonce()
        return Plan(
            route="pdf",
            path="/v1/pdf",
            nonce=nonce,
            expected=(Expected(texts=words, colour=colour),),
            files=(
                ("index.html", documents.with_stylesheet(words[0]).encode(), "text/html"),
                ("look.css", documents.stylesheet(words[1], colour).encode(), "text/css"),
            ),
            fields={"options": json.dumps({"filename": f"{nonce}.pdf"})},
            headers=self._prefer(),
        )

    def _template_job(self) -> Plan:
        version = self._rng.choice(list(documents.TEMPLATE_VERSIONS))
        data, expected = self._template_data(version)
        input = {"template": documents.TEMPLATE, "version": version, "data": data}
        return self._job({"kind": "pdf.render", "input": input}, expected)

    def _template_preview(self) -> Plan:
        version = self._rng.choice(list(documents.TEMPLATE_VERSIONS))
        data, expected = self._template_data(version)
        nonce = self._new_nonce()
        return Plan(
            route="preview",
            path=f"/v1/templates/{documents.TEMPLATE}/preview",
            nonce=nonce,
            expected=(expected,),
            json={"version": version, "data": data, "options": {"filename": f"{nonce}.pdf"}},
            headers=self._prefer(),
        )

    def _template_data(self, version: int) -> tuple[dict[str, str], Expected]:
        word, colour = documents.word(self._rng), documents.colour(self._rng)
        texts = (documents.TEMPLATE_VERSIONS[version], word)
        return {"word": word, "colour": colour}, Expected(texts=texts, colour=colour)

    def _merge(self) -> Plan | None:
        first, second = self._known.some_pdf(self._rng), self._known.some_pdf(self._rng)
        if first is None or second is None:
            return None
        expected = Expected(
            texts=first.expected.texts + second.expected.texts,
            colour=first.expected.colour,
            sources=(first.id, second.id),
        )
        parts = [{"job_id": first.id}, {"job_id": second.id}]
        return self._job({"kind": "pdf.merge", "input": {"parts": parts}}, expected)

    def _preview(self) -> Plan | None:
        source = self._known.some_pdf(self._rng)
        if source is None:
            return None
        expected = Expected(colour=source.expected.colour, is_picture=True, sources=(source.id,))
        job = {"kind": "pdf.preview", "input": {"job_id": source.id}, "options": {"width": 16}}
        return self._job(job, expected)

    def _doomed(self) -> Plan:
        """A job that is accepted and must fail."""
        match self._rng.randrange(3):
            case 0:
                job = {
                    "kind": "pdf.render",
                    "input": {"template": documents.TEMPLATE, "version": 1, "data": {}},
                }
                return self._job(job, Expected(fails="template_error"))
            case 1:
                style = f"<p style='no-such: 1'>{documents.word(self._rng)}"
                job = {"kind": "pdf.render", "input": {"html": style}, "options": {"strict": True}}
                return self._job(job, Expected(fails="strict_warnings"))
            case _:
                plan = self._job(
                    {"kind": "pdf.merge", "input": {"parts": [{"file": "broken.pdf"}]}}, Expected()
                )
                fields = {"job": json.dumps(plan.json)}
                failing = (Expected(fails="pdf_unreadable"),)
                return dataclasses.replace(
                    plan, json=None, fields=fields, files=(_NOT_A_PDF,), expected=failing
                )

    def _invalid(self) -> Plan:
        """A submission that must be refused."""
        options = {"page_size": "A99"}
        plan = self._job({"kind": "pdf.render", "input": self._html()[0], "options": options}, Expected())
        return dataclasses.replace(plan, is_invalid=True)

    def _batch(self) -> Plan:
        nonce = self._new_nonce()
        jobs, expected = [], []
        for number in range(self._rng.randint(2, 5)):
            input, one = self._html()
            job = {"kind": "pdf.render", "input": input, "metadata": {"nonce": f"{nonce}.{number}"}}
            jobs.append({**job, "max_attempts": self._attempts()})
            expected.append(one)
        path, members = self._webhook(nonce)
        return Plan(
            route="batches",
            path="/v1/batches",
            nonce=nonce,
            expected=tuple(expected),
            json={"jobs": jobs, "metadata": {"nonce": nonce}, **members},
            webhook_path=path,
        )

    # --- what the choices share -----------------------------------------------------------------

    def _job(self, job: dict[str, Any], expected: Expected) -> Plan:
        """A job by `POST /v1/jobs`, with members that any job may have."""
        rng, nonce = self._rng, self._new_nonce()
        path, members = self._webhook(nonce)
        tags = tuple(rng.sample(_TAGS, rng.randrange(3)))
        scheduled_at = expires_in = None
        if rng.random() < 0.1:
            scheduled_at = round(time.time() + rng.uniform(0.5, 8), 3)
            members["scheduled_at"] = datetime.fromtimestamp(scheduled_at, UTC).isoformat(
                timespec="milliseconds"
            )
        elif rng.random() < 0.05:
            expires_in = members["expires_in_seconds"] = rng.choice([1, 2, 20])
        more = {"priority": rng.choice(["high", "normal", "low"]), "max_attempts": self._attempts()}
        return Plan(
            route="jobs",
            path="/v1/jobs",
            nonce=nonce,
            expected=(expected,),
            json={**job, **more, "metadata": {"nonce": nonce}, "tags": list(tags), **members},
            tags=tags,
            scheduled_at=scheduled_at,
            expires_in=expires_in,
            webhook_path=path,
        )

    def _attempts(self) -> int:
        return self._rng.choice([1, 3, 3, 5])

    def _webhook(self, nonce: str) -> tuple[str | None, dict[str, Any]]:
        if self._rng.random() >= 0.15:
            return None, {}
        path = f"/url/{self._tenant}/{nonce}"
        return path, {"webhook_url": self._receiver + path}

    def _prefer(self) -> dict[str, str]:
        return {"Prefer": f"wait={self._rng.choice([1, 5, 10])}"} if self._rng.random() < 0.4 else {}

    def _new_nonce(self) -> str:
        self._count += 1
        return f"nonce-{self._tenant}-{self._count}"
