"""`pressrun fonts`, against the real web process."""

from __future__ import annotations

from pathlib import Path

from tests.integration.cli.conftest import Terminal
from testsupport.own_font import own_font, packed


async def test_fonts_are_pushed_listed_and_deleted(terminal: Terminal, tmp_path: Path) -> None:
    regular, bold = tmp_path / "AcmeSans (Regular).ttf", tmp_path / "AcmeSans-Bold.woff2"
    regular.write_bytes(own_font(500, "Acme Sans"))
    bold.write_bytes(packed(own_font(700, "Acme Sans", style="Bold", weight=700), "woff2"))
    pushed = await terminal.run("fonts", "push", str(regular), str(bold))
    assert pushed.exit_code == 0, pushed.stderr
    assert [line.split() for line in pushed.stdout.splitlines()] == [
        ["acmesans-regular", "400", "normal", "Acme", "Sans"],
        ["acmesans-bold", "700", "normal", "Acme", "Sans"],
    ]
    listed = (await terminal.run("fonts", "list")).stdout
    assert sorted(listed.splitlines()) == sorted(pushed.stdout.splitlines())

    deleted = await terminal.run("fonts", "delete", "acmesans-bold")
    assert (deleted.exit_code, deleted.stdout) == (0, "acmesans-bold is deleted.\n")
    again = await terminal.run("fonts", "delete", "acmesans-bold")
    assert (again.exit_code, "font_not_found" in again.stderr) == (1, True)
    assert (await terminal.run("fonts", "list")).stdout.split()[0] == "acmesans-regular"


async def test_a_name_can_be_given_to_one_file(terminal: Terminal, tmp_path: Path) -> None:
    file = tmp_path / "a.ttf"
    file.write_bytes(own_font(500))
    assert (await terminal.run("fonts", "push", str(file), "--name", "house")).stdout.startswith("house ")
    both = await terminal.run("fonts", "push", str(file), str(file), "--name", "house")
    assert (both.exit_code, "--name is for one FILE" in both.stderr) == (2, True)


async def test_a_font_that_is_refused_is_an_error_with_the_reason(terminal: Terminal, tmp_path: Path) -> None:
    file = tmp_path / "a.ttf"
    file.write_bytes(own_font(500, fs_type=2))
    refused = await terminal.run("fonts", "push", str(file))
    assert refused.exit_code == 1
    assert "its licence forbids to embed it" in refused.stderr
