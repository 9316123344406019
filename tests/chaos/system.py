"""The system under test: the store, two of each process, and a proxy between each and the store."""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp

from jobs.process.disk_room import has_room
from tests.chaos.disk import Disk
from tests.chaos.process import RESTART_S, SupervisedProcess
from tests.chaos.proxy import Proxy
from tests.chaos.schedule import ARTIFACTS, PROCESSES, STORE
from tests.chaos.targets import Targets
from testsupport.ports import reserve, reserved_port
from testsupport.project import ROOT
from testsupport.valkey import FaultyValkey

MODULES = {"web": "api", "worker": "jobs", "notifier": "notifier"}
TENANTS = ("acme", "globex", "initech")
SETTINGS = {
    "PRESSRUN_HOST": "127.0.0.1",
    "PRESSRUN_EGRESS_ALLOW": "127.0.0.0/8",  # the receiver of webhooks
    "PRESSRUN_WEBHOOK_ORIGIN_RATE": "1000",  # it gets all of them
    "PRESSRUN_WORKER_SLOTS": "1",
    "PRESSRUN_DRAIN_SECONDS": "3",
    "PRESSRUN_RENDER_TIMEOUT": "10",
    "PRESSRUN_LOG_FORMAT": "json",
    "PYTHONUNBUFFERED": "1",
}
READY_WITHIN_S = 60.0
DISK_MB = {STORE: 2048, ARTIFACTS: 2048}
"""More than an hour writes. Only what is written takes memory."""


class System:
    """Everything that runs. All is kept below `directory`; logs are in `directory/logs`."""

    def __init__(self, directory: Path, *, has_disks: bool) -> None:
        """`has_disks`: the store and the artifacts get disks of their own (see `disk.py`)."""
        self.logs = directory / "logs"
        self.logs.mkdir(parents=True)
        (directory / "scratch").mkdir()
        self.disks = {name: Disk(directory / name, DISK_MB[name]) for name in DISK_MB if has_disks}
        self.store = FaultyValkey(directory / STORE / "data")
        reserve(self.store.port)
        self.proxies = {name: Proxy(reserved_port(), self.store.port) for name in PROCESSES}
        self.operator_key = secrets.token_urlsafe(24)
        self.tenant_keys = {tenant: secrets.token_urlsafe(24) for tenant in TENANTS}
        self._ports = {name: reserved_port() for name in PROCESSES}
        settings = {
            "PATH": os.environ["PATH"],
            "HOME": str(directory),
            "TMPDIR": str(directory / "scratch"),
            "PYTHONPATH": str(ROOT),
            "PRESSRUN_DATA_DIR": str(directory / "data"),
            "PRESSRUN_ARTIFACTS_URL": (directory / ARTIFACTS / "files").as_uri(),
            "PRESSRUN_API_KEYS": ",".join(f"{tenant}:{key}" for tenant, key in self.tenant_keys.items()),
            "PRESSRUN_OPERATOR_KEYS": self.operator_key,
            "PRESSRUN_SECRET_KEY": secrets.token_urlsafe(48),
            "PRESSRUN_PUBLIC_URL": f"http://127.0.0.1:{self._ports['web-1']}",
            **SETTINGS,
        }
        self.processes = {
            name: SupervisedProcess(
                name,
                MODULES[name.partition("-")[0]],
                settings
                | {
                    "REDIS_URL": f"redis://127.0.0.1:{self.proxies[name].port}/0",
                    "PORT": str(self._ports[name]),
                    "PRESSRUN_NOTIFIER_PORT": str(self._ports[name]),
                },
                self.logs / f"{name}.log",
            )
            for name in PROCESSES
        }
        self.targets = Targets(
            web_urls=self._urls("http", "web"),
            push_urls=self._urls("ws", "notifier"),
            operator_key=self.operator_key,
            tenant_keys=self.tenant_keys,
            receiver_port=reserved_port(),
        )

    def _urls(self, scheme: str, process: str) -> tuple[str, ...]:
        return tuple(
            f"{scheme}://127.0.0.1:{port}" for name, port in self._ports.items() if name.startswith(process)
        )

    @property
    def findings(self) -> list[str]:
        """What processes did that none of them should do."""
        return [finding for process in self.processes.values() for finding in process.findings]

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Starts everything, waits until it serves, and stops everything at the end."""
        await asyncio.to_thread(self.store.start)
        keeping = asyncio.create_task(self._keep_store())
        try:
            for proxy in self.proxies.values():
                await proxy.start()
            for process in self.processes.values():
                process.start()
            await self._ready()
            yield
        finally:
            self.send_store(signal.SIGCONT)
            await asyncio.gather(*(process.stop() for process in self.processes.values()))
            keeping.cancel()
            for proxy in self.proxies.values():
                await proxy.close()
            await asyncio.to_thread(self.store.stop)
            for disk in self.disks.values():
                disk.close()

    def send_store(self, number: signal.Signals) -> None:
        """Sends a signal to the store, if it runs."""
        if self.store.is_running:
            self.store.running.send_signal(number)

    async def _keep_store(self) -> None:
        """Starts the store again when it has ended and its disk has room, as `pressrun up` does."""
        while True:
            await asyncio.sleep(RESTART_S)
            if not self.store.is_running and has_room(self.store.directory):
                self.store.launch()

    async def _ready(self) -> None:
        urls = [url + "/readyz" for url in self.targets.web_urls]
        urls += [url.replace("ws:", "http:") + "/readyz" for url in self.targets.push_urls]
        async with asyncio.timeout(READY_WITHIN_S), aiohttp.ClientSession() as http:
            for url in urls:
                while True:
                    with contextlib.suppress(aiohttp.ClientError):
                        async with http.get(url) as answer:
                            if answer.ok:
                                break
                    await asyncio.sleep(0.1)
