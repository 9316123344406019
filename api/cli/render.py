"""`pressrun render`: turns one document into a PDF on a running server, with a progress bar."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import aiohttp
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

from api.cli.client import job_text
from api.cli.client.follow_job import Job, OnChange, follow
from api.cli.client.result import fetch_result, write
from api.cli.client.server import Server, with_server

_MARKDOWN = frozenset({".md", ".markdown"})
_WAITING = {
    "scheduled": "scheduled",
    "queued": "waiting for a worker",
    "running": "starting",
    "retrying": "failed, will be tried again",
}


@click.command()
@click.argument("file")
@click.option("-o", "--output", help="Where to write the PDF; - for standard output. By default beside FILE.")
@click.option("--options", metavar="JSON", help='Options of `pdf.render`, such as \'{"page_size": "A5"}\'.')
@click.option(
    "--file",
    "files",
    metavar="PATH",
    multiple=True,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="A file that the document refers to, such as an image. Can be given several times.",
)
@with_server
async def render(
    server: Server, file: str, output: str | None, options: str | None, files: tuple[Path, ...]
) -> None:
    """Turn FILE into a PDF: HTML, Markdown (*.md, *.markdown), a URL, or - for standard input.

    The document refers to each --file by its path relative to the directory of FILE, or by its name
    if it is not below that directory.

    Exit codes: 0 done, 1 the job failed or was refused, 2 wrong use, 3 no server.
    """
    target = _target(file, output)
    console = Console(stderr=True, highlight=False, markup=False)
    job = await _submit(server, file, options, files)
    try:
        with _progress_bar(console, file) as update:
            job = await follow(server, job, update)
    except BaseException:
        console.print(f"The job goes on. To look at it: pressrun jobs show {job['id']}")
        raise
    body = await fetch_result(server, job)
    if target is None:
        sys.stdout.buffer.write(body)
    else:
        write(target, body)
    _print_outcome(console, job, target)


def _target(file: str, output: str | None) -> Path | None:
    """Returns the file to write, or None for standard output."""
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


async def _submit(server: Server, file: str, options: str | None, files: tuple[Path, ...]) -> Job:
    if _is_url(file):
        if files:
            raise click.UsageError("--file works with a document on this machine, not with a web page.")
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
    if files:
        form = aiohttp.FormData(quote_fields=False)  # quoting would encode the slashes in names
        name = "index.md" if kind == "text/markdown" else "index.html"
        form.add_field("document", document, filename=name, content_type=kind)
        for path in files:
            form.add_field("file", _read(str(path)), filename=_name_beside(file, path))
        return await server.send("POST", "/v1/pdf", data=form, params=parameters)
    headers = {"Content-Type": kind}
    return await server.send("POST", "/v1/pdf", data=document, params=parameters, headers=headers)


def _name_beside(document: str, path: Path) -> str:
    """Returns the name by which the document refers to the file."""
    directory = (Path.cwd() if document == "-" else Path(document).parent).resolve()
    resolved = path.parent.resolve() / path.name  # keeps the name of a symbolic link
    return resolved.relative_to(directory).as_posix() if resolved.is_relative_to(directory) else path.name


def _read(file: str) -> bytes:
    try:
        return sys.stdin.buffer.read() if file == "-" else Path(file).read_bytes()
    except OSError as error:
        raise click.BadParameter(f"{file}: {error.strerror}", param_hint="FILE") from error


@contextmanager
def _progress_bar(console: Console, name: str) -> Iterator[OnChange]:
    """Shows the progress of the job if standard error is a terminal; disappears at the end."""
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

    def update(job: Job) -> None:
        progress = job["progress"]
        if job["status"] == "running" and progress is not None:
            page = f", page {progress['page']}" if progress.get("page") else ""
            bar.update(task, completed=progress["percent"], description=progress["stage"] + page)
        elif job["status"] in _WAITING:
            bar.update(task, completed=0, description=_WAITING[job["status"]])

    with bar:
        yield update


def _print_outcome(console: Console, job: Job, target: Path | None) -> None:
    result = job["result"]
    took = f", rendered in {job_text.seconds(result['render_ms'])}" if "render_ms" in result else ""
    name = f"{target}: " if target else ""
    console.print(f"{name}{job_text.outcome(job)}{took}", soft_wrap=True)
    for warning in result.get("warnings", []):
        severity, text = job_text.warning(warning)
        console.print(f"{severity}: {text}", style=job_text.WARNING_STYLES[severity], soft_wrap=True)
    for code, number in result.get("warnings_omitted", {}).items():
        console.print(f"and {number} more of {code}", style="dim", soft_wrap=True)
    if any(warning["code"] == "relative_url" for warning in result.get("warnings", [])):
        console.print("--file sends along what the document refers to.", style="dim", soft_wrap=True)
