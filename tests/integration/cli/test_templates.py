"""`pressrun templates`, against the real web process and a worker beside it."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from jobs.core.errors.job import TemplateError
from jobs.core.job import Result
from jobs.kinds import Run
from tests.integration.cli.conftest import Terminal
from testsupport.core import Core
from testsupport.project import ROOT
from testsupport.runners import instant

EXAMPLE = ROOT / "examples" / "templates" / "invoice"


async def test_pushing_the_same_directory_again_makes_no_new_version(terminal: Terminal) -> None:
    first = await terminal.run("templates", "push", str(EXAMPLE), "--description", "An invoice")
    assert (first.exit_code, first.stdout) == (0, "invoice is now version 1\n"), first.stderr
    again = await terminal.run("templates", "push", str(EXAMPLE), "--description", "An invoice")
    assert again.stdout == "invoice has this content already, in version 1\n"

    shown = json.loads((await terminal.run("templates", "show", "invoice", "--version", "1")).stdout)
    assert shown["html"] == (EXAMPLE / "template.html").read_text()
    assert shown["stylesheets"] == [(EXAMPLE / "style.css").read_text()]
    assert shown["sample_data"] == json.loads((EXAMPLE / "data.json").read_text())
    listed = (await terminal.run("templates", "list")).stdout
    assert listed.split()[:2] == ["invoice", "1"]
    assert listed.endswith("An invoice\n")


async def test_a_file_is_a_template_and_its_errors_have_line_numbers(
    terminal: Terminal, tmp_path: Path
) -> None:
    file = tmp_path / "letter.html"
    file.write_text("<p>\n{{ name")
    refused = await terminal.run("templates", "push", str(file))
    assert refused.exit_code == 1
    assert "/html: line 2: unexpected end of template" in refused.stderr
    file.write_text("<p>{{ name }}")
    assert (await terminal.run("templates", "push", str(file))).stdout == "letter is now version 1\n"
    named = await terminal.run("templates", "push", str(file), "--name", "other")
    assert named.stdout == "other is now version 1\n"


async def test_missing_files_and_invalid_json_are_named(terminal: Terminal, tmp_path: Path) -> None:
    directory = tmp_path / "invoice"
    shutil.copytree(EXAMPLE, directory)
    (directory / "data.json").write_text("{")
    broken = await terminal.run("templates", "push", str(directory))
    assert (broken.exit_code, "data.json is not JSON" in broken.stderr) == (1, True)
    (directory / "template.html").unlink()
    empty = await terminal.run("templates", "push", str(directory))
    assert (empty.exit_code, "template.html" in empty.stderr) == (1, True)


async def test_a_preview_is_written_or_its_error_is_shown(
    terminal: Terminal, core: Core, tmp_path: Path
) -> None:
    await terminal.run("templates", "push", str(EXAMPLE))
    async with core.worker({"pdf.render": instant}):
        done = await terminal.run("templates", "preview", "invoice")
    assert done.stdout == "invoice.pdf: 1 page, 4 B\n", done.stderr
    assert (tmp_path / "invoice.pdf").read_bytes() == b"done"

    refused = await terminal.run("templates", "preview", "invoice", "--data", "-", stdin="{}")
    assert (refused.exit_code, "/input/data" in refused.stderr) == (1, True)

    async def failing(run: Run) -> Result:
        raise TemplateError("Template invoice (version 1): line 3: 'x' is undefined.")

    async with core.worker({"pdf.render": failing}):
        failed = await terminal.run("templates", "preview", "invoice")
    assert (failed.exit_code, "line 3: 'x' is undefined. (template_error" in failed.stderr) == (1, True)
