"""Whether another process of the same user can read the memory of this one."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

NOBODY = 65534
CODE = """
import os, sys
from jobs.isolation.linux import PR_SET_DUMPABLE, prctl
from jobs.isolation.private_memory import make_memory_private

def read(pid):
    if os.fork() == 0:
        try:
            open(f"/proc/{pid}/environ", "rb").read()
        except PermissionError:
            os._exit(1)
        os._exit(0)
    return os.waitstatus_to_exitcode(os.wait()[1]) == 0

if os.getuid() == 0:
    os.setuid(int(sys.argv[1]))  # root reads everything
prctl(PR_SET_DUMPABLE, 1)
before = read(os.getpid())
make_memory_private()
print(before, read(os.getpid()))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="/proc is a part of Linux")
def test_other_processes_of_the_user_cannot_read_private_memory() -> None:
    done = subprocess.run(
        [sys.executable, "-c", CODE, str(NOBODY)], capture_output=True, text=True, check=False, timeout=60
    )
    assert done.stdout.split() == ["True", "False"], done.stderr


@pytest.mark.skipif(sys.platform != "linux", reason="/proc is a part of Linux")
@pytest.mark.parametrize("module", ["api", "jobs", "notifier"])
def test_the_memory_of_every_process_is_private(module: str) -> None:
    # A setting that is wrong ends the process, so that nothing has to run.
    code = f"""
import atexit, ctypes, runpy
PR_GET_DUMPABLE = 3
atexit.register(lambda: print(ctypes.CDLL(None).prctl(PR_GET_DUMPABLE, 0, 0, 0, 0)))
runpy.run_module({module!r}, run_name="__main__")
"""
    environ = {**os.environ, "PORT": "none"}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environ, capture_output=True, text=True, check=False, timeout=60
    )
    assert (done.returncode, done.stdout) == (2, "0\n"), done.stderr
