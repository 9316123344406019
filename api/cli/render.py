"""`pressrun render`: turns one document into a PDF on a running server, with a progress bar."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Collection
from pathlib import Path
from typing import Any

import aiohttp
import click
from rich.console import Console

from api.cli.client.follow_job import Job
from api.cli.client.outcome import finish
from api.cli.client.page_files import PageFiles, page_files
from api.cli.client.references import in_css, in_html, in_markdown
from api.cli.client.server import Server, with_server
from api.http.charset import decode_document
from jobs.core.errors.request import RequestError
from jobs.core.file_names import is_file_name

_MARKDOWN = frozenset({".md", ".markdown"})
_MAX_SHOWN = 10
"""Names of files that are sent."""


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
    help="A file to send that is not found by itself. Can be given several times.",
)
@click.option(
    "--root",
    metavar="DIRECTORY",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="The directory from which files are sent, and at which URLs with a slash at the start begin.",
)
@with_server
async def render(
    server: Server,
    file: str,
    output: str | None,
    options: str | None,
    files: tuple[Path, ...],
    root: Path | None,
) -> None:
    """Turn FILE into a PDF: HTML, Markdown (*.md, *.markdown), a URL, or - for standard input.

    The stylesheets, images and fonts that FILE refers to are sent with it, from the current
    directory and those below it; or from the directory of FILE, if it is elsewhere; or from --root.

    Exit codes: 0 done, 1 the job failed or was refused, 2 wrong use, 3 no server.
    """
    target = _target(file, output)
    console = Console(stderr=True, highlight=False, markup=False)
    job = await _submit(server, file, options, files, root, console)
    await finish(server, job, file, target, console)


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


async def _submit(
    server: Server,
    file: str,
    options: str | None,
    files: tuple[Path, ...],
    root: Path | None,
    console: Console,
) -> Job:
    if _is_url(file):
        if files or root:
            raise click.UsageError(
                "--file and --root work with a document on this machine, not with a web page."
            )
        body: dict[str, Any] = {"kind": "pdf.render", "input": {"url": file}}
        if options is not None:
            try:
                body["options"] = json.loads(options)
            except ValueError as error:
                raise click.BadParameter(f"not JSON: {error}", param_hint="--options") from error
        return await server.send("POST", "/v1/jobs", json=body)
    document = _read(file)
    is_markdown = Path(file).suffix.lower() in _MARKDOWN
    kind = "text/markdown" if is_markdown else "text/html"
    path = _absolute("index.html" if file == "-" else file)
    page = _page_files(path, document, is_markdown, options, root)
    sent = {page.name(found): found for found in page.files}
    for each in files:
        sent.setdefault(_name_of(page, path, each), each)
    _print_sent(console, page, sent)
    if not sent and not _has_secrets(options):
        parameters = {"options": options} if options is not None else {}
        headers = {"Content-Type": kind}
        return await server.send("POST", "/v1/pdf", data=document, params=parameters, headers=headers)
    index = page.name(path)
    if not is_file_name(index):
        index = page.name(path.with_name("index.md" if is_markdown else "index.html"))
    form = aiohttp.FormData(quote_fields=False)  # quoting would encode the slashes in names
    form.add_field("document", document, filename=index, content_type=kind)
    form.add_field("index", index)
    if options is not None:
        form.add_field("options", options)
    for name, each in sent.items():
        form.add_field("file", _read(str(each)), filename=name)
    return await server.send("POST", "/v1/pdf", data=form)


def _page_files(
    path: Path, document: bytes, is_markdown: bool, options: str | None, root: Path | None
) -> PageFiles:
    """Finds the files that the document and the stylesheets in the options refer to."""
    try:
        text = decode_document(document, None, is_html=not is_markdown)
    except RequestError:
        text = document.decode("latin-1")  # the server says what is wrong
    references = list(in_markdown(text) if is_markdown else in_html(text))
    for stylesheet in _stylesheets(options):
        references += in_css(stylesheet)
    if root is not None:
        root = _absolute(root)
        if not path.is_relative_to(root):
            raise click.BadParameter(f"{path} is not below it", param_hint="--root")
    here = _absolute(".")
    boundary = root or (here if path.is_relative_to(here) else path.parent)
    return page_files(path, references, boundary, root)


def _absolute(path: str | Path) -> Path:
    """Returns the path without `..`, as URLs are resolved: whatever symbolic links lead to."""
    return Path(os.path.abspath(path))


def _has_secrets(options: str | None) -> bool:
    """Tells whether the options must not be in a URL."""
    return _option(options, "fetch") is not None


def _option(options: str | None, name: str) -> Any:
    try:
        return json.loads(options or "{}").get(name)
    except (ValueError, AttributeError):
        return None  # the server says what is wrong


def _stylesheets(options: str | None) -> list[str]:
    found = _option(options, "stylesheets")
    return [text for text in found if isinstance(text, str)] if isinstance(found, list) else []


def _name_of(page: PageFiles, document: Path, file: Path) -> str:
    """Returns the name in the upload of a file that was given: beside the document if it is not
    below the root."""
    root = page.root.resolve()
    resolved = file.parent.resolve() / file.name  # keeps the name of a symbolic link
    if resolved.is_relative_to(root):
        return resolved.relative_to(root).as_posix()
    return page.name(document.with_name(file.name))


def _print_sent(console: Console, page: PageFiles, sent: Collection[str]) -> None:
    if sent:
        names, more = sorted(sent)[:_MAX_SHOWN], len(sent) - _MAX_SHOWN
        rest = f" and {more} more" if more > 0 else ""
        console.print(f"Sent with it: {', '.join(names)}{rest}", style="dim", soft_wrap=True)
    for reference, reason in page.left_out.items():
        console.print(f"Not sent: {reference}: {reason}", style="yellow", soft_wrap=True)


def _read(file: str) -> bytes:
    try:
        return sys.stdin.buffer.read() if file == "-" else Path(file).read_bytes()
    except OSError as error:
        raise click.BadParameter(f"{file}: {error.strerror}", param_hint="FILE") from error
