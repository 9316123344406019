from pathlib import Path

import pytest

from api.cli.local.platform import DOCKER, HEROKU, KUBERNETES, Platform, platform_of


@pytest.mark.parametrize(
    ("environ", "file", "platform"),
    [
        ({}, "", None),
        ({"DYNO": "web.1"}, "", HEROKU),
        ({"KUBERNETES_SERVICE_HOST": "10.0.0.1"}, ".dockerenv", KUBERNETES),
        ({}, ".dockerenv", DOCKER),
        ({}, "run/.containerenv", DOCKER),
    ],
)
def test_each_platform_is_known_by_its_trace(
    tmp_path: Path, environ: dict[str, str], file: str, platform: Platform | None
) -> None:
    (tmp_path / "run").mkdir()
    if file:
        (tmp_path / file).touch()
    assert platform_of(environ, tmp_path) is platform
