from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

import jobs
from jobs.core.settings import Settings
from jobs.isolation.readable import font_paths, readable_paths

ROOT = Path(jobs.__file__).parents[1]


def covers(path: Path, *, network: bool = False) -> bool:
    return any(path.is_relative_to(readable) for readable in readable_paths(network=network))


def test_code_and_packages_can_be_read() -> None:
    assert covers(Path(jobs.__file__))
    assert covers(Path(pytest.__file__))
    assert covers(Path(json.__file__))


def test_neither_the_data_nor_what_is_beside_the_code_can_be_read() -> None:
    for path in (ROOT / "data", ROOT / ".env", ROOT / "api", ROOT / Settings().data_dir / "secret_key"):
        assert not covers(path)
        assert not covers(path, network=True)
    assert not covers(Path.home() / ".ssh")


def test_only_a_process_with_network_can_read_how_names_are_resolved() -> None:
    assert not covers(Path("/etc/resolv.conf"))
    assert covers(Path("/etc/resolv.conf"), network=True)


@pytest.mark.skipif(sys.platform != "linux", reason="fontconfig is asked on Linux only")
def test_fonts_are_where_fontconfig_says() -> None:
    paths = font_paths()
    assert any(path.is_dir() and "fonts" in path.parts for path in paths)
    assert any(path.name == "fonts.conf" for path in paths)
    assert Path("/") not in paths
