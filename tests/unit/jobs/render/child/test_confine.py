import json
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from typing import Any

import pytest

from jobs.render.child.confine import child_environment
from testsupport import without_landlock

REPORT = """
import json, resource, signal, sys
from jobs.render.child.confine import allow_cpu, limit_resources
limit_resources(parent_pid=int(sys.argv[1]), memory_bytes=2 * 1024**3)
print(json.dumps({
    "core": resource.getrlimit(resource.RLIMIT_CORE),
    "files": resource.getrlimit(resource.RLIMIT_NOFILE)[1],
    "file_bytes": resource.getrlimit(resource.RLIMIT_FSIZE)[1],
    "memory": resource.getrlimit(resource.RLIMIT_AS)[1],
    "ignored": [signal.getsignal(number) == signal.SIG_IGN for number in (signal.SIGINT, signal.SIGTERM)],
    "status": open("/proc/self/status").read() if sys.platform == "linux" else "",
}))
"""

CONFINE = """
import json, os, sys, threading
from pathlib import Path
from jobs.render.child.confine import NotConfined, confine, limit_resources
limit_resources(parent_pid=int(sys.argv[1]), memory_bytes=2 * 1024**3)
def refused(attempt):
    try:
        attempt()
    except OSError:
        return True
    return False
def in_force(mode):
    return confine(mode, scratch=Path(sys.argv[2]), fonts=False, network=False).level
"""


def run(
    code: str, *arguments: str, python: Sequence[str] = (sys.executable,)
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*python, "-c", code, str(os.getpid()), *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def report_of(code: str, *arguments: str, python: Sequence[str] = (sys.executable,)) -> Any:
    done = run(code, *arguments, python=python)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_the_environment_has_only_variables_that_are_known_to_be_harmless() -> None:
    environ = {
        "PATH": "/bin",
        "LC_ALL": "de_DE.UTF-8",
        "LD_LIBRARY_PATH": "/app/.apt/usr/lib",
        "HOME": "/home/x",
        "REDIS_URL": "redis://:secret@host",
        "PRESSRUN_SECRET_KEY": "secret",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "PYTHONPATH": "/elsewhere",
        "HTTPS_PROXY": "http://proxy",
    }
    assert child_environment(environ, import_root="/srv/app") == {
        "PATH": "/bin",
        "LANG": "C.UTF-8",
        "LC_ALL": "de_DE.UTF-8",
        "LD_LIBRARY_PATH": "/app/.apt/usr/lib",
        "HOME": "/home/x",
        "PYTHONPATH": "/srv/app",
        "PYTHONSAFEPATH": "1",
    }


def test_a_limited_process_has_its_limits_and_cannot_gain_privileges() -> None:
    report = report_of(REPORT)
    assert report["core"] == [0, 0]
    assert report["files"] <= 256
    assert report["file_bytes"] <= 256 * 1024**2
    assert report["ignored"] == [True, True]
    if sys.platform == "linux":
        assert report["memory"] == 3 * 1024**3
        assert "NoNewPrivs:\t1" in report["status"]


@pytest.mark.skipif(sys.platform != "linux", reason="a parent that is gone is noticed at once on Linux only")
def test_a_process_whose_worker_has_ended_ends_at_once() -> None:
    orphan = subprocess.run([sys.executable, "-c", REPORT, "1"], capture_output=True, check=False, timeout=60)
    assert orphan.returncode == 1
    assert orphan.stdout == b""


def test_a_render_that_uses_too_much_processor_time_ends_the_process() -> None:
    code = "from jobs.render.child.confine import allow_cpu; allow_cpu(-9_900)\nwhile True: pass"
    assert run(code).returncode == -signal.SIGPROF


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_a_process_whose_growth_is_limited_gets_no_more_memory() -> None:
    code = """
import json
from jobs.render.child.confine import limit_growth
limit_growth(64 * 1024**2)
enough = bytearray(32 * 1024**2)
try: bytearray(64 * 1024**2)
except MemoryError: print(json.dumps("refused"))
"""
    assert report_of(code) == "refused"


@pytest.mark.skipif(sys.platform != "linux", reason="Landlock and seccomp are parts of Linux")
class TestConfine:
    def test_a_confined_process_writes_into_its_scratch_directory_only(self, tmp_path: Any) -> None:
        scratch, other = tmp_path / "scratch", tmp_path / "other"
        scratch.mkdir()
        other.mkdir()
        (other / "secret").write_text("secret")
        code = CONFINE + (
            "other = Path(sys.argv[3]); level = in_force('auto')\n"
            "(Path(sys.argv[2]) / 'made').write_text('x'); import babel.dates\n"
            "print(json.dumps([level, refused((other / 'secret').read_text),"
            " refused(lambda: (other / 'made').write_text('x')), refused(os.fork)]))"
        )
        assert report_of(code, str(scratch), str(other)) == ["full", True, True, True]
        assert (scratch / "made").exists()

    def test_nothing_is_closed_when_isolation_is_off(self, tmp_path: Any) -> None:
        code = (
            CONFINE
            + "level = in_force('off'); print(json.dumps([level, refused(lambda: os.listdir('/proc'))]))"
        )
        assert report_of(code, str(tmp_path)) == ["none", False]

    def test_a_process_with_a_second_thread_is_not_confined(self, tmp_path: Any) -> None:
        code = CONFINE + (
            "done = threading.Event(); threading.Thread(target=done.wait).start()\n"
            "try: in_force('auto')\n"
            "except NotConfined as error: print(json.dumps(str(error)))\n"
            "done.set()"
        )
        assert report_of(code, str(tmp_path)) == "a thread was started before the process was confined"

    def test_required_isolation_that_is_not_complete_is_an_error_that_names_what_is_missing(
        self, tmp_path: Any
    ) -> None:
        code = CONFINE + (
            "try: in_force('required')\n"
            "except NotConfined as error: print(json.dumps([str(error), in_force('auto')]))\n"
        )
        message, level = report_of(code, str(tmp_path), python=without_landlock.COMMAND)
        assert message.startswith("PRESSRUN_ISOLATION is required, but it is partial (Landlock: ")
        assert level == "partial"
