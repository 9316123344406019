"""`pressrun fonts`: uploads fonts from files, and lists and deletes them."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import click

from api.cli.client.server import Server, with_server


@click.group()
def fonts() -> None:
    """Upload, list and delete fonts that all your documents can use."""


@fonts.command()
@click.argument(
    "files",
    metavar="FILE...",
    nargs=-1,
    required=True,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
)
@click.option("--name", help="The name of the font; by default that of its file. With one FILE only.")
@with_server
async def push(server: Server, files: tuple[Path, ...], name: str | None) -> None:
    """Upload fonts (TTF, OTF, WOFF or WOFF2), or replace those of the same names."""
    if name is not None and len(files) > 1:
        raise click.UsageError("--name is for one FILE.")
    for file in files:
        headers = {"Content-Type": "application/octet-stream"}
        path = f"/v1/fonts/{name or _name(file)}"
        click.echo(_line(await server.send("PUT", path, data=_read(file), headers=headers)))


@fonts.command("list")
@with_server
async def list_fonts(server: Server) -> None:
    """List fonts by name."""
    cursor: str | None = None
    while True:
        page = await server.get("/v1/fonts", limit=100, cursor=cursor)
        for font in page["items"]:
            click.echo(_line(font))
        if (cursor := page["next_cursor"]) is None:
            return


@fonts.command()
@click.argument("name")
@with_server
async def delete(server: Server, name: str) -> None:
    """Delete a font."""
    await server.send("DELETE", f"/v1/fonts/{name}")
    click.echo(f"{name} is deleted.")


def _name(file: Path) -> str:
    """Returns a name for a font: ``acme-sans-bold`` for ``Acme Sans (Bold).ttf``."""
    return re.sub(r"[^a-z0-9._-]+", "-", file.stem.lower()).strip("-._")[:64].strip("-._") or "font"


def _read(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise click.FileError(str(file), error.strerror or "cannot be read") from error


def _line(font: dict[str, Any]) -> str:
    families = ", ".join(font["families"])
    return f"{font['name']:<30}  {font['weight']:<8}  {font['style']:<7}  {families}"
