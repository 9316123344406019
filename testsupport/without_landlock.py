"""Runs Python as on a kernel without Landlock: `python -m testsupport.without_landlock -m jobs`."""

from __future__ import annotations

import os
import sys

from jobs.isolation import seccomp
from jobs.isolation.linux import PR_SET_NO_NEW_PRIVS, machine, prctl
from jobs.isolation.refusals import Refusal

COMMAND = (sys.executable, "-m", "testsupport.without_landlock")

if __name__ == "__main__":
    prctl(PR_SET_NO_NEW_PRIVS, 1)
    refused = Refusal("As in a container that forbids it.", "landlock_create_ruleset")
    seccomp.install(seccomp.build([refused], machine() or "", os.getpid()))
    os.execv(sys.executable, [sys.executable, *sys.argv[1:]])
