"""Assets of documents: render child, worker, fetch process and web server together."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from io import BytesIO
from pathlib import Path

import pikepdf
import pytest
import pytest_asyncio

from jobs.core.errors.job import RenderTimeout
from jobs.render.parent.pool import RenderOutcome, RenderPool, RenderRequest
from jobs.render.protocol.limits import MIB, FetchLimits, RenderLimits
from testsupport.certificates import certificate
from testsupport.documents import SMALL
from testsupport.hostile_web import HostileWeb, hostile_web
from testsupport.waiting import eventually

pytestmark = pytest.mark.asyncio(loop_scope="module")

FETCH = FetchLimits(egress_allow=("127.0.0.0/8", "::1"), max_asset_bytes=8 * MIB, max_total_bytes=16 * MIB)
ENOUGH_TIME_MS = 60_000


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def pool() -> AsyncIterator[RenderPool]:
    pool = RenderPool(size=2, limits=RenderLimits(fetch=FETCH))
    await pool.start()
    yield pool
    await pool.close()


@pytest.fixture
def web() -> Iterator[HostileWeb]:
    with hostile_web() as web:
        yield web


async def render(pool: RenderPool, document: str, timeout_ms: int = ENOUGH_TIME_MS) -> RenderOutcome:
    request = RenderRequest(format="html", document=document)
    return await pool.render(request, tenant="acme", timeout_ms=timeout_ms, report=lambda progress: None)


def image(url: str) -> str:
    return f'{SMALL}<img alt="" src="{url}">'


def warnings(outcome: RenderOutcome) -> list[tuple[str, str]]:
    return [(warning["code"], warning["message"]) for warning in outcome.details["warnings"]]


def fetch_process(pool: RenderPool) -> int:
    assert pool.fetch_process is not None
    return pool.fetch_process


async def test_a_large_asset_arrives_whole(pool: RenderPool, web: HostileWeb) -> None:
    outcome = await render(pool, f'<link rel=attachment href="{web.url("/big?5000001")}">{SMALL}')
    with pikepdf.open(BytesIO(outcome.body)) as pdf:
        (attachment,) = pdf.attachments.values()
        assert attachment.get_file().read_bytes() == bytes(5_000_001)
    assert warnings(outcome) == []
    assert not outcome.self_contained


async def test_a_slow_server_delays_no_other_render(pool: RenderPool, web: HostileWeb) -> None:
    slow = asyncio.create_task(render(pool, image(web.url("/hang"))))
    await eventually(lambda: "/hang" in web.paths)
    other = await render(pool, image(web.url("/pixel.png")))
    assert warnings(other) == []
    assert not slow.done()
    web.release.set()
    assert [code for code, _ in warnings(await slow)] == ["image_unreachable"]


@pytest.mark.parametrize(
    ("path", "code", "says"),
    [
        ("/endless", "asset_too_large", "larger than the 8388608 bytes allowed"),
        ("/loop", "image_unreachable", "too many redirects"),
        ("/missing", "image_unreachable", "answered with status 404"),
        ("/redirect?http://10.0.0.1/", "asset_forbidden", "redirects to an address that is not allowed"),
        ("/long-status", "image_unreachable", "could not be fetched: xxx"),
        ("/redirect?file:///etc/passwd", "asset_forbidden", "only http and https URLs are opened"),
    ],
)
async def test_an_asset_from_a_hostile_server_is_missing_with_its_reason(
    pool: RenderPool, web: HostileWeb, path: str, code: str, says: str
) -> None:
    ((found, message),) = warnings(await render(pool, image(web.url(path))))
    assert (found, says in message) == (code, True), message


async def test_headers_of_any_length_harm_nobody(pool: RenderPool, web: HostileWeb) -> None:
    await render(pool, image(web.url("/pixel.png")))
    process = fetch_process(pool)
    for path in ("/long-headers", "/long-redirect"):
        assert warnings(await render(pool, image(web.url(path)))) == []
    assert fetch_process(pool) == process


async def test_a_document_that_is_cancelled_or_late_leaves_no_connection(
    pool: RenderPool, web: HostileWeb
) -> None:
    task = asyncio.create_task(render(pool, image(web.url("/drip"))))
    await eventually(lambda: "/drip" in web.paths)
    task.cancel()
    await eventually(web.dropped.is_set)
    web.dropped.clear()
    await eventually(lambda: pool.free == 2)
    with pytest.raises(RenderTimeout):
        await render(pool, image(web.url("/drip")), timeout_ms=1000)
    await eventually(web.dropped.is_set)


async def test_a_fetch_process_that_dies_costs_the_assets_under_way_and_is_replaced(
    pool: RenderPool, web: HostileWeb
) -> None:
    url = web.url("/hang")
    task = asyncio.create_task(render(pool, image(url)))
    await eventually(lambda: "/hang" in web.paths)
    killed = fetch_process(pool)
    os.kill(killed, signal.SIGKILL)
    assert warnings(await task) == [
        ("image_unreachable", f"{url} could not be fetched: the process that fetches has ended.")
    ]
    assert warnings(await render(pool, image(web.url("/pixel.png")))) == []
    assert fetch_process(pool) != killed


async def test_each_document_has_its_own_limits(web: HostileWeb) -> None:
    pool = RenderPool(size=1, limits=RenderLimits(fetch=replace(FETCH, max_requests=2)))
    await pool.start()
    document = "".join(f'<img alt="" src="{web.url(f"/pixel.png?{n}")}">' for n in range(4))
    for _ in range(2):
        assert {code for code, _ in warnings(await render(pool, document))} == {"fetch_limit"}
    assert len(web.requests) == 4
    await pool.close()


async def test_a_name_that_may_be_fetched_from_leads_to_no_other_name_of_this_machine(
    web: HostileWeb,
) -> None:
    pool = RenderPool(size=1, limits=RenderLimits(fetch=FetchLimits(egress_allow=("localhost",))))
    await pool.start()
    assert warnings(await render(pool, image(web.url("/pixel.png", "localhost")))) == []
    first = web.url(f"/redirect?{web.url('/pixel.png')}", "localhost")
    ((code, message),) = warnings(await render(pool, image(first)))
    assert code == "asset_forbidden"
    assert message.endswith(
        "redirects to an address that is not allowed. PRESSRUN_EGRESS_ALLOW can allow it."
    )
    assert web.paths == ["/pixel.png", first.partition(str(web.port))[2]]
    await pool.close()


async def test_a_certificate_must_be_that_of_the_host(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with hostile_web(certificate(tmp_path, "localhost", 9)) as web:
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "cert.pem"))
        pool = RenderPool(size=1, limits=RenderLimits(fetch=FETCH))
        await pool.start()
        assert warnings(await render(pool, image(web.url("/pixel.png", "localhost")))) == []
        ((code, message),) = warnings(await render(pool, image(web.url("/pixel.png", "127.0.0.1"))))
        assert (code, "certificate verify failed" in message) == ("image_unreachable", True)
        await pool.close()


async def test_without_fetching_no_process_is_started(web: HostileWeb) -> None:
    pool = RenderPool(size=1, limits=RenderLimits(fetch=FetchLimits(mode="none")))
    await pool.start()
    ((code, message),) = warnings(await render(pool, image(web.url("/pixel.png"))))
    assert (code, "PRESSRUN_FETCH is none" in message) == ("asset_forbidden", True)
    assert pool.fetch_process is None
    assert web.requests == []
    await pool.close()


async def test_a_pool_that_closes_in_the_middle_of_a_fetch_leaves_no_process(web: HostileWeb) -> None:
    pool = RenderPool(size=1, limits=RenderLimits(fetch=FETCH))
    await pool.start()
    task = asyncio.create_task(render(pool, image(web.url("/drip"))))
    await eventually(lambda: "/drip" in web.paths)
    pid = fetch_process(pool)
    await pool.close()
    await asyncio.wait([task])
    assert isinstance(task.exception(), Exception)
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
