import json
import os
import subprocess
import sys

import pytest

from jobs.render.child.confine import child_environment

REPORT = """
import json, resource, signal, sys
from jobs.render.child.confine import allow_cpu, confine
confine(parent_pid=int(sys.argv[1]), memory_bytes=2 * 1024**3)
allow_cpu(30_000)
print(json.dumps({
    "core": resource.getrlimit(resource.RLIMIT_CORE),
    "files": resource.getrlimit(resource.RLIMIT_NOFILE)[1],
    "file_bytes": resource.getrlimit(resource.RLIMIT_FSIZE)[1],
    "memory": resource.getrlimit(resource.RLIMIT_AS)[1],
    "cpu": resource.getrlimit(resource.RLIMIT_CPU)[0],
    "ignored": [signal.getsignal(number) == signal.SIG_IGN for number in (signal.SIGINT, signal.SIGTERM)],
    "status": open("/proc/self/status").read() if sys.platform == "linux" else "",
}))
"""


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


def test_a_confined_process_has_its_limits_and_cannot_gain_privileges() -> None:
    done = subprocess.run(
        [sys.executable, "-c", REPORT, str(os.getpid())],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    report = json.loads(done.stdout)
    assert report["core"] == [0, 0]
    assert report["files"] <= 256
    assert report["file_bytes"] <= 512 * 1024**2
    assert report["ignored"] == [True, True]
    assert 30 <= report["cpu"] <= 60
    if sys.platform == "linux":
        assert report["memory"] == 3 * 1024**3
        assert "NoNewPrivs:\t1" in report["status"]


@pytest.mark.skipif(sys.platform != "linux", reason="a parent that is gone is noticed at once on Linux only")
def test_a_process_whose_worker_has_ended_ends_at_once() -> None:
    orphan = subprocess.run([sys.executable, "-c", REPORT, "1"], capture_output=True, check=False, timeout=60)
    assert orphan.returncode == 1
    assert orphan.stdout == b""
