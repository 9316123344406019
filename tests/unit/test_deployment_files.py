"""The files that deploy Pressrun name commands, settings and packages that exist."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from api.cli.processes import PACKAGES
from jobs.core.settings import Settings
from testsupport.project import ROOT

UNITS = sorted((ROOT / "deploy/systemd").glob("*.service"))
FILES = [
    *(ROOT / name for name in ("Dockerfile", "compose.yaml", "app.json", "render.yaml", "Procfile")),
    ROOT / "deploy/kubernetes/pressrun.yaml",
    *UNITS,
]
OF_THE_FILES = {"PRESSRUN_DOMAIN"}
"""Variables that a file itself reads."""


def named(path: Path) -> str:
    return path.name


@pytest.mark.parametrize("path", FILES, ids=named)
def test_every_variable_is_a_setting(path: Path) -> None:
    settings = {variable for variable, _, _ in Settings.from_env({}).explained({})}
    found = set(re.findall(r"\bPRESSRUN_[A-Z_]+\b", path.read_text()))
    assert found <= settings | OF_THE_FILES


@pytest.mark.parametrize("path", FILES, ids=named)
def test_every_process_has_a_command_that_exists(path: Path) -> None:
    text = path.read_text()
    commands = re.findall(r"\bpressrun(?:\", \"|, | )(web|worker|notifier)\b", text)
    packages = re.findall(r"\bpython -m (\w+)$", text, re.MULTILINE)
    if path.name == "Dockerfile":
        assert commands[-1] == "web"
    elif path in UNITS:
        assert set(commands) == {path.stem.removeprefix("pressrun-")}
    elif path.name == "app.json":
        assert set(json.loads(text)["formation"]) == set(PACKAGES)
    elif path.name == "Procfile":
        assert packages == list(PACKAGES.values())
    else:
        assert set(commands) >= set(PACKAGES)


def test_all_processes_of_compose_have_the_same_environment() -> None:
    services = yaml.safe_load((ROOT / "compose.yaml").read_text())["services"]
    environment = services["web"]["environment"]
    assert services["worker"]["environment"] == environment
    assert services["notifier"]["environment"].items() >= environment.items()


def test_a_process_may_take_as_long_to_end_as_it_drains() -> None:
    drain = Settings.from_env({}).drain_seconds
    for unit in UNITS:
        assert float(re.findall(r"^TimeoutStopSec=(\d+)$", unit.read_text(), re.MULTILINE)[0]) > drain
    services = yaml.safe_load((ROOT / "compose.yaml").read_text())["services"]
    for process in PACKAGES:
        assert float(services[process]["stop_grace_period"].removesuffix("s")) > drain
    for pod in kubernetes_pods():
        assert pod["terminationGracePeriodSeconds"] > drain


def test_pods_write_to_their_temporary_directory_alone() -> None:
    pods = kubernetes_pods()
    assert len(pods) == len(PACKAGES)
    for pod in pods:
        [container] = pod["containers"]
        assert container["securityContext"]["readOnlyRootFilesystem"]
        assert [mount["mountPath"] for mount in container["volumeMounts"]] == ["/tmp"]


def kubernetes_pods() -> list[dict[str, Any]]:
    items = yaml.safe_load((ROOT / "deploy/kubernetes/pressrun.yaml").read_text())["items"]
    return [item["spec"]["template"]["spec"] for item in items if item["kind"] == "Deployment"]


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="checks units with systemd-analyze")
@pytest.mark.parametrize("unit", UNITS, ids=named)
def test_systemd_can_read_the_units(unit: Path, tmp_path: Path) -> None:
    # It looks for the program, which is not installed there.
    copy = tmp_path / unit.name
    copy.write_text(unit.read_text().replace("/opt/pressrun/bin/pressrun", "/bin/true"))
    done = subprocess.run(["systemd-analyze", "verify", str(copy)], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
