"""Fork servers without WeasyPrint: `python -m testsupport.fork_servers BEHAVIOUR [FOLDER]`.

They are the real one, but a child answers each document with facts about itself. The behaviour is
one of the functions below, or ``plain``. What happens once is noted in a file in the folder.
"""

from __future__ import annotations

import json
import os
import random
import signal
import ssl
import sys
import threading
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

from jobs.isolation.level import Isolation
from jobs.render.child import fork_server
from jobs.render.child.channel import Channel
from jobs.render.child.serving import OwnUse
from jobs.render.protocol.limits import RenderLimits
from testsupport.attacker import outcome
from testsupport.attacks import NETWORK, Targets

NOT_FOR_FORK_SERVERS = (
    "read_a_secret",
    "list_the_folder_of_a_secret",
    "read_the_memory_of_another_process",
    "write_into_the_packages_of_python",
    "write_into_the_code_of_pressrun",
    "write_into_the_home_directory",
    "write_into_the_common_temporary_directory",
    "write_into_another_file",
    "remove_another_file",
    "run_a_shell",
    "signal_by_descriptor",
    "take_a_file_of_the_parent",
    "trace_another_process",
    "read_another_process_by_a_call",
    "write_another_process_by_a_call",
    "slow_the_parent_down",
)
"""Attempts of `testsupport.attacks`, besides those of the network."""


def command(behaviour: str = "plain", folder: Path | None = None) -> tuple[str, ...]:
    return (sys.executable, "-m", "testsupport.fork_servers", behaviour, *([str(folder)] if folder else ()))


GAINED: dict[str, str] = {}
"""What the fork server has gained by attempts that it should be refused, by name."""


class LightFonts:
    """Has a thread, as each font configuration of newer versions of Pango."""

    def __init__(self) -> None:
        self.unloaded = threading.Event()

    def load(self) -> None:
        pass

    def unload(self) -> None:
        self.unloaded.set()


class LightEngine:
    def __init__(self, ask: object) -> None:
        self.ask = ask
        self.fonts = LightFonts()

    def warm_up(self) -> None:
        pass


def serve(
    channel: Channel, engine: LightEngine, limits: RenderLimits, isolation: Isolation, use: OwnUse
) -> NoReturn:
    ready = {"type": "ready", "engine": "light", "isolation": isolation.level}
    channel.send({**ready, "missing_isolation": isolation.missing})
    while True:
        channel.receive()
        facts = {
            "pid": os.getpid(),
            "parent": os.getppid(),
            "directory": os.getcwd(),
            "random": [random.random(), uuid.uuid4().hex, ssl.RAND_bytes(8).hex()],
            "gained_by_fork_server": GAINED,
            "unloaded_fonts": engine.fonts.unloaded.is_set(),
        }
        channel.send(
            {
                "type": "rendered",
                "content_type": "application/pdf",
                "pages": 1,
                "render_ms": 1,
                "peak_memory_bytes": 1,
                "warnings": [],
            },
            b"%PDF-" + json.dumps(facts).encode(),
        )


def threads_of_fonts() -> None:
    """Fonts have a thread, which ends with them."""

    def warm_up(self: LightEngine) -> None:
        threading.Thread(target=self.fonts.unloaded.wait).start()

    LightEngine.warm_up = warm_up  # type: ignore[method-assign]


def stubborn_thread() -> None:
    """A thread never ends, so that nothing can be forked."""
    fork_server._THREADS_END_SECONDS = 0.1  # type: ignore[misc]
    threading.Thread(target=threading.Event().wait, daemon=True).start()


def names_a_process_of_another() -> None:
    fork_server.ForkServer._fork = lambda *_: 1  # type: ignore[method-assign]


def attacks_before_it_forks() -> None:
    targets = Targets(**json.loads((Path(sys.argv[2]) / "targets").read_text()))

    def attack() -> None:
        for name in (*NETWORK, *NOT_FOR_FORK_SERVERS):
            text = outcome(name, targets)
            if not text.startswith("refused: "):
                GAINED[name] = text

    _before("_fork", attack)


def dies_before_it_is_ready() -> None:
    _once(lambda: os.kill(os.getpid(), signal.SIGKILL))


def dies_before_it_forks() -> None:
    _before("_fork", _die)


def dies_between_two_forks() -> None:
    """The process in between has no time to fork the child."""
    _before("_fork_again", lambda: os.killpg(0, signal.SIGKILL))


def dies_before_it_names_the_child() -> None:
    send = fork_server._send

    def send_or_die(worker: Any, answer: dict[str, Any]) -> None:
        if answer["type"] == "forked":
            _once(_die)
        send(worker, answer)

    fork_server._send = send_or_die


def stops_before_it_forks() -> None:
    _before("_fork", lambda: os.kill(os.getpid(), signal.SIGSTOP))


def child_dies_before_it_is_configured() -> None:
    _before("_be_child", _die)


def _die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _before(name: str, happens: Callable[[], None]) -> None:
    method = getattr(fork_server.ForkServer, name)

    def method_after_that(self: fork_server.ForkServer, *arguments: Any) -> Any:
        _once(happens)
        return method(self, *arguments)

    setattr(fork_server.ForkServer, name, method_after_that)


def _once(happens: Callable[[], None]) -> None:
    if not os.pread(_HAPPENED, 1, 0):
        os.pwrite(_HAPPENED, b"yes", 0)
        happens()


if __name__ == "__main__":
    if len(sys.argv) > 2:  # opened while it can be
        _HAPPENED = os.open(Path(sys.argv[2]) / "happened", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC)
    fork_server.load_engine = lambda: LightEngine  # type: ignore[assignment,return-value]
    fork_server.serve = serve  # type: ignore[assignment]
    if sys.argv[1] != "plain":
        globals()[sys.argv[1]]()
    fork_server.main()
