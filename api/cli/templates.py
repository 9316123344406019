"""`pressrun templates`: uploads templates from files, and lists, shows and previews them."""

from __future__ import annotations

import datetime
import json
from pathlib import Path
from typing import Any

import click

from api.cli.client import job_text
from api.cli.client.follow_job import follow
from api.cli.client.result import fetch_result, write
from api.cli.client.server import Server, with_server


@click.group()
def templates() -> None:
    """Upload, list, show and preview templates."""


@templates.command()
@click.argument("path", metavar="PATH", type=click.Path(exists=True, path_type=Path))
@click.option("--name", help="The name of the template; by default the name of the file or directory.")
@click.option("--description", default="", help="A description for people.")
@with_server
async def push(server: Server, path: Path, name: str | None, description: str) -> None:
    """Make a new version of a template from PATH: an HTML file, or a directory.

    In a directory these files are read: template.html, schema.json, data.json (the sample data),
    and every *.css in order of their names.
    """
    name = name or _name(path)
    content = {**_read(path), "description": description}
    async with server.answered("PUT", f"/v1/templates/{name}", json=content) as answer:
        version = (await answer.json())["version"]
        what = "is now version" if answer.status == 201 else "has this content already, in version"
    click.echo(f"{name} {what} {version}")


@templates.command("list")
@with_server
async def list_templates(server: Server) -> None:
    """List templates by name, each with its newest version."""
    now = datetime.datetime.now(datetime.UTC)
    cursor: str | None = None
    while True:
        page = await server.get("/v1/templates", limit=100, cursor=cursor)
        for each in page["items"]:
            age = job_text.age(each["created_at"], now)
            click.echo(f"{each['name']:<30}  {each['version']:>4}  {age:<10}  {each['description']}".rstrip())
        if (cursor := page["next_cursor"]) is None:
            return


@templates.command()
@click.argument("name")
@click.option("--version", type=int, help="A version number; by default the newest.")
@with_server
async def show(server: Server, name: str, version: int | None) -> None:
    """Show everything about a version of a template, as JSON."""
    path = f"/v1/templates/{name}" + (f"/versions/{version}" if version else "")
    click.echo(json.dumps(await server.get(path), indent=2, ensure_ascii=False))


@templates.command()
@click.argument("name")
@click.option(
    "-o", "--output", type=click.Path(path_type=Path), help="Where to write the PDF; by default NAME.pdf."
)
@click.option(
    "--data", type=click.File("rb"), help="A JSON file with the data to fill in; - for standard input."
)
@click.option("--version", type=int, help="A version number; by default the newest.")
@with_server
async def preview(server: Server, name: str, output: Path | None, data: Any, version: int | None) -> None:
    """Turn a template into a PDF, with its sample data or other data."""
    body = {"data": _parsed(data.read(), data.name)} if data else {}
    wanted = {**body, **({"version": version} if version else {})}
    job = await server.send("POST", f"/v1/templates/{name}/preview", json=wanted)
    job = await follow(server, job, lambda job: None)
    target = output or Path(f"{name}.pdf")
    write(target, await fetch_result(server, job))
    click.echo(f"{target}: {job_text.outcome(job)}")


def _name(path: Path) -> str:
    return path.absolute().name if path.is_dir() else path.stem


def _read(path: Path) -> dict[str, Any]:
    if not path.is_dir():
        return {"html": _text(path)}
    content: dict[str, Any] = {"html": _text(path / "template.html")}
    content["stylesheets"] = [_text(file) for file in sorted(path.glob("*.css"))]
    for file, member in (("schema.json", "schema"), ("data.json", "sample_data")):
        if (path / file).exists():
            content[member] = _parsed(_text(path / file), str(path / file))
    return content


def _text(file: Path) -> str:
    try:
        return file.read_text("utf-8")
    except OSError as error:
        raise click.FileError(str(file), error.strerror or "cannot be read") from error
    except UnicodeDecodeError as error:
        raise click.FileError(str(file), f"not UTF-8: {error}") from error


def _parsed(text: str | bytes, file: str) -> Any:
    try:
        return json.loads(text)
    except ValueError as error:
        raise click.ClickException(f"{file} is not JSON: {error}") from error
