"""Fetches the result of a job and writes it to a file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from api.cli.client.server import Server


async def fetch_result(server: Server, job: dict[str, Any]) -> bytes:
    """Returns the result of a job that has ended. Raises ClickException if it has none."""
    if job["status"] != "succeeded":
        error = job["error"] or {"code": "cancelled", "message": "Somebody cancelled the job."}
        raise click.ClickException(f"{error['message']} ({error['code']}, {job['id']})")
    async with server.answered("GET", f"/v1/jobs/{job['id']}/result") as answer:
        return await answer.read()


def write(target: Path, body: bytes) -> None:
    """Writes the file. Raises FileError if that fails."""
    try:
        target.write_bytes(body)
    except OSError as error:
        raise click.FileError(str(target), error.strerror or "cannot be written") from error
