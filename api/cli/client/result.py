"""What a job produced, brought to this machine."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from api.cli.client.server import Server


async def fetched(server: Server, job: dict[str, Any]) -> bytes:
    """The result of a job that has ended. Raises ClickException where there is none."""
    if job["status"] != "succeeded":
        error = job["error"] or {"code": "cancelled", "message": "Somebody cancelled the job."}
        raise click.ClickException(f"{error['message']} ({error['code']}, {job['id']})")
    return await server.download(f"/v1/jobs/{job['id']}/result")


def write(target: Path, body: bytes) -> None:
    """Raises FileError."""
    try:
        target.write_bytes(body)
    except OSError as error:
        raise click.FileError(str(target), error.strerror or "cannot be written") from error
