"""`pressrun submit`: runs one job of any kind on a running server, and writes its result."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import aiohttp
import click
from rich.console import Console

from api.cli.client.outcome import finish
from api.cli.client.server import Server, with_server


@click.command()
@click.argument("kind")
@click.option(
    "--input", "input_", metavar="JSON", required=True, help="Its `input`; @FILE reads it from a file."
)
@click.option("--options", metavar="JSON", help="Its `options`; @FILE reads them from a file.")
@click.option(
    "--file",
    "files",
    metavar="PATH",
    multiple=True,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="A file to send. The input names it by its name without directories. Can be given several times.",
)
@click.option("-o", "--output", required=True, help="Where to write the result; - for standard output.")
@with_server
async def submit(
    server: Server, kind: str, input_: str, options: str | None, files: tuple[Path, ...], output: str
) -> None:
    """Submit a job of the KIND, such as pdf.merge or pdf.fill, and write its result.

    Exit codes: 0 done, 1 the job failed or was refused, 2 wrong use, 3 no server.
    """
    target = None if output == "-" else Path(output)
    if target is not None and not target.absolute().parent.is_dir():
        raise click.BadParameter(f"there is no directory {target.parent}", param_hint="-o")
    body: dict[str, Any] = {"kind": kind, "input": _json(input_, "--input")}
    if options is not None:
        body["options"] = _json(options, "--options")
    if files:
        form = aiohttp.FormData()
        form.add_field("job", json.dumps(body), content_type="application/json")
        for path in files:
            form.add_field("file", path.read_bytes(), filename=path.name)
        job = await server.send("POST", "/v1/jobs", data=form)
    else:
        job = await server.send("POST", "/v1/jobs", json=body)
    await finish(server, job, kind, target, Console(stderr=True, highlight=False, markup=False))


def _json(text: str, parameter: str) -> Any:
    try:
        if text.startswith("@"):
            text = Path(text[1:]).read_text(encoding="utf-8")
        return json.loads(text)
    except OSError as error:
        raise click.BadParameter(f"{text[1:]}: {error.strerror}", param_hint=parameter) from error
    except ValueError as error:
        raise click.BadParameter(f"not JSON: {error}", param_hint=parameter) from error
