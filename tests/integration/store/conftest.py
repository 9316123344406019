"""The places for artifacts."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import boto3
import pytest
from moto.server import ThreadedMotoServer


@pytest.fixture(scope="module")
def bucket() -> Iterator[str]:
    """An S3 bucket on this machine."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    _, port = server.get_host_and_port()
    environ = {
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}",
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_REGION": "us-east-1",
        "AWS_ALLOW_HTTP": "true",
    }
    before = dict(os.environ)
    os.environ.update(environ)
    boto3.client("s3", endpoint_url=environ["AWS_ENDPOINT_URL"], region_name="us-east-1").create_bucket(
        Bucket="press"
    )
    yield "s3://press/documents"
    os.environ.clear()
    os.environ.update(before)
    server.stop()


@pytest.fixture(params=["directory", "s3", "redis"])
def artifacts_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A place of each sort: a test that uses this runs once for each."""
    if request.param == "directory":
        return tmp_path.as_uri()
    if request.param == "redis":
        return "redis:"
    return str(request.getfixturevalue("bucket"))
