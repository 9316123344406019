import contextlib
import io
import os
import re
import shlex
import signal
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from api.cli.local.supervisor import GRACE_SECONDS, Supervisor
from jobs.process.entry_point import BAD_SETTING
from testsupport.command import assert_gone


def python(program: str) -> str:
    """A command that ends everything when the program ends."""
    code = f"{program}\nraise SystemExit({BAD_SETTING})"
    return f"{shlex.quote(sys.executable)} -u -c {shlex.quote(code)}"


async def supervise(
    commands: Mapping[str, str], *, drain_seconds: float = 10, grace_seconds: float = GRACE_SECONDS
) -> int:
    supervisor = Supervisor(commands, os.environ, drain_seconds=drain_seconds, grace_seconds=grace_seconds)
    return await supervisor.run()


async def test_a_faulty_setting_ends_everything_with_its_exit_code() -> None:
    waiting = "import signal; signal.pause()"
    assert await supervise({"one": python(waiting), "two": python("")}) == BAD_SETTING


@pytest.mark.parametrize("how", ["raise SystemExit(1)", "raise SystemExit(0)", "os.kill(os.getpid(), 9)"])
async def test_starts_what_ends_by_itself_again(
    how: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    mark = tmp_path / "was started"
    program = (
        f"import os\nif not os.path.exists({str(mark)!r}):\n    open({str(mark)!r}, 'w').close()\n    {how}"
    )
    assert await supervise({"one": python(program)}) == BAD_SETTING
    shown = capsys.readouterr().out
    assert shown.count("one started, pid") == 2
    assert shown.count("it starts again now") == 1


async def test_prints_each_line_with_the_name_of_its_process(capsys: pytest.CaptureFixture[str]) -> None:
    await supervise({"talker": python("print('one'); print('two')")})
    shown = capsys.readouterr().out.splitlines()
    assert [line.partition("| ")[2] for line in shown if "talker" in line.partition("|")[0]] == ["one", "two"]


async def test_a_terminal_gets_the_name_of_each_process_in_its_colour() -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    with contextlib.redirect_stdout(Terminal()) as terminal:
        await supervise({"first": python("print('one')")})
    (line,) = [line for line in terminal.getvalue().splitlines() if line.endswith("one")]
    assert re.fullmatch(r"\x1b\[36m\d\d:\d\d:\d\d first    \| \x1b\[0mone", line)


async def test_prints_standard_error_like_other_output(capsys: pytest.CaptureFixture[str]) -> None:
    await supervise({"talker": python("import sys; print('trouble', file=sys.stderr)")})
    assert "| trouble" in capsys.readouterr().out


async def test_a_line_too_long_to_show_stops_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    await supervise({"talker": python("print('x' * 3_000_000); print('after')")})
    shown = capsys.readouterr().out
    assert "(a line too long to show)" in shown
    assert "| after" in shown


async def test_bytes_that_are_not_text_stop_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    await supervise({"talker": python(r"import os; os.write(1, b'\xff\xfe\nafter\n')")})
    assert "| after" in capsys.readouterr().out


async def test_a_hangup_is_ignored_under_nohup() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)  # as nohup does
    try:
        hang_up = "import os, signal; os.kill(os.getppid(), signal.SIGHUP)"
        assert await supervise({"one": python(hang_up)}) == BAD_SETTING
    finally:
        signal.signal(signal.SIGHUP, before)


async def test_kills_a_process_that_does_not_stop_in_time(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    os.mkfifo(tmp_path / "deaf")
    stubborn = (
        "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        f"open('{tmp_path}/deaf', 'w').close()\n"
        "while True: signal.pause()"
    )
    commands = {"stubborn": python(stubborn), "other": python(f"open('{tmp_path}/deaf').read()")}
    assert await supervise(commands, drain_seconds=0, grace_seconds=0.1) == BAD_SETTING
    shown = capsys.readouterr().out
    assert "still running" in shown
    assert "stubborn ended by SIGKILL" in shown


async def test_kills_the_children_that_a_process_leaves_behind(capsys: pytest.CaptureFixture[str]) -> None:
    parent = (
        "import subprocess, sys; sleep = [sys.executable, '-c', 'import signal; signal.pause()']\n"
        "print('child', subprocess.Popen(sleep).pid)"
    )
    await supervise({"parent": python(parent)})
    found = re.search(r"child (\d+)", capsys.readouterr().out)
    assert found is not None
    assert_gone([int(found[1])])
