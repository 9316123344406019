"""`pressrun render`: one document to PDF on a running server, with a progress bar."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.progress import (
    BarColumn,
    Progress,
    SpinnerColumn,
    TaskProgressColumn,
    TextColumn,
    TimeElapsedColumn,
)

from api.cli import words
from api.cli.following import Job, Seen, follow
from api.cli.result import fetched, write
from api.cli.server import Server, with_server

_MARKDOWN = frozenset({".md", ".markdown"})
_WAITING = {
    "scheduled": "scheduled",
    "queued": "waiting for a worker",
    "running": "starting",
    "retrying": "failed, will be tried again",
}


@click.command()
@click.argument("file")
@click.option("-o", "--output", help="Where the PDF goes; - for standard output. By default beside FILE.")
@click.option("--options", metavar="JSON", help='Options of `pdf.render`, such as \'{"page_size": "A5"}\'.')
@with_server
async def render(server: Server, file: str, output: str | None, options: str | None) -> None:
    """Turn FILE (HTML, or Markdown by its ending) or a web page (FILE is its URL) into a PDF.

    FILE - is standard input. Exit codes: 0 done, 1 the job failed or was refused, 2 wrong use, 3 no server.
    """
    target = _target(file, output)
    console = Console(stderr=True)
    job = await _submit(server, file, options)
    try:
        with _progress_bar(console, file) as seen:
            job = await follow(server, job, seen)
    except BaseException:
        console.print(f"It goes on without you: pressrun jobs show {job['id']}", highlight=False)
        raise
    body = await fetched(server, job)
    if target is None:
        sys.stdout.buffer.write(body)
    else:
        write(target, body)
    _say_done(console, job, target)


def _target(file: str, output: str | None) -> Path | None:
    """Where to write; None for standard output."""
    if output == "-" or (output is None and file == "-"):
        return None
    if output is None:
        if _is_url(file):
            raise click.UsageError("Say with -o where the PDF of a web page goes.")
        return Path(file).with_suffix(".pdf")
    target = Path(output)
    if not target.absolute().parent.is_dir():
        raise click.BadParameter(f"there is no directory {target.parent}", param_hint="-o")
    return target


def _is_url(file: str) -> bool:
    return file.startswith(("http://", "https://"))


async def _submit(server: Server, file: str, options: str | None) -> Job:
    if _is_url(file):
        body: dict[str, Any] = {"kind": "pdf.render", "input": {"url": file}}
        if options is not None:
            try:
                body["options"] = json.loads(options)
            except ValueError as error:
                raise click.BadParameter(f"not JSON: {error}", param_hint="--options") from error
        return await server.send("POST", "/v1/jobs", json=body)
    document = _read(file)
    kind = "text/markdown" if Path(file).suffix.lower() in _MARKDOWN else "text/html"
    parameters = {"options": options} if options is not None else {}
    headers = {"Content-Type": kind}
    return await server.send("POST", "/v1/pdf", data=document, params=parameters, headers=headers)


def _read(file: str) -> bytes:
    try:
        return sys.stdin.buffer.read() if file == "-" else Path(file).read_bytes()
    except OSError as error:
        raise click.BadParameter(f"{file}: {error.strerror}", param_hint="FILE") from error


@contextmanager
def _progress_bar(console: Console, name: str) -> Iterator[Seen]:
    """Shows how far the job is, where somebody can see it, and goes when it is done."""
    bar = Progress(
        SpinnerColumn(),
        TextColumn("{task.fields[name]}", style="bold"),
        BarColumn(bar_width=30),
        TaskProgressColumn(),
        TextColumn("{task.description}"),
        TimeElapsedColumn(),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    )
    task = bar.add_task("", total=100, name=name)

    def seen(job: Job) -> None:
        progress = job["progress"]
        if job["status"] == "running" and progress is not None:
            page = f", page {progress['page']}" if progress.get("page") else ""
            bar.update(task, completed=progress["percent"], description=progress["stage"] + page)
        elif job["status"] in _WAITING:
            bar.update(task, completed=0, description=_WAITING[job["status"]])

    with bar:
        yield seen


def _say_done(console: Console, job: Job, target: Path | None) -> None:
    result = job["result"]
    took = f", rendered in {words.seconds(result['render_ms'])}" if "render_ms" in result else ""
    where = f"{target}: " if target else ""
    console.print(f"{where}{words.outcome(job)}{took}", highlight=False, markup=False, soft_wrap=True)
    for warning in result.get("warnings", []):
        about = f" ({warning['url']})" if warning.get("url") else ""
        console.print(
            f"warning: {warning['message']}{about}",
            style="yellow",
            highlight=False,
            markup=False,
            soft_wrap=True,
        )
