"""Every hostile document ends as it should, and the pool can still render others.

One small pool renders them all, with tighter limits than those of a worker. Documents that never
end get little time. All others get so much that they are never stopped by the deadline.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence

import pytest
import pytest_asyncio

from jobs.core.errors.job import JobError, RenderFailed, RenderOutOfMemory, RenderTimeout
from jobs.render.parent.pool import RenderOutcome, RenderPool, RenderRequest
from jobs.render.protocol.limits import MIB, FetchLimits, RenderLimits
from testsupport.documents import SMALL
from testsupport.hostile_documents import FAILED, HARMLESS, OUT_OF_MEMORY, OUT_OF_TIME, UNDECODABLE, Hostile
from testsupport.hostile_web import HostileWeb, hostile_web
from testsupport.waiting import eventually

pytestmark = pytest.mark.asyncio(loop_scope="module")

LITTLE_TIME_MS = 500
ENOUGH_TIME_MS = 60_000
MEMORY_BYTES = 256 * MIB
FETCH = FetchLimits(egress_allow=("127.0.0.0/8",), max_requests=20, max_asset_bytes=MIB)

Ended = RenderOutcome | JobError


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def pool() -> AsyncIterator[RenderPool]:
    pool = RenderPool(size=2, limits=RenderLimits(memory_bytes=MEMORY_BYTES, fetch=FETCH))
    await pool.start()
    yield pool
    await pool.close()


@pytest.fixture(scope="module")
def web() -> Iterator[HostileWeb]:
    with hostile_web() as web:
        yield web


async def render(pool: RenderPool, hostile: Hostile, timeout_ms: int) -> Ended:
    request = RenderRequest(format=hostile.format, document=hostile.document(), files=hostile.files)
    try:
        return await pool.render(request, tenant="acme", timeout_ms=timeout_ms, report=lambda progress: None)
    except JobError as error:
        return error


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def ended(pool: RenderPool) -> dict[str, Ended]:
    """How each document has ended, by its name."""
    two_at_a_time = asyncio.Semaphore(2)

    async def in_turn(hostile: Hostile) -> Ended:
        async with two_at_a_time:
            if hostile not in OUT_OF_TIME:
                return await render(pool, hostile, ENOUGH_TIME_MS)
            await eventually(lambda: pool.free > 0)  # waiting for a child would use up its little time
            return await render(pool, hostile, LITTLE_TIME_MS)

    documents = [*OUT_OF_TIME, *OUT_OF_MEMORY, *FAILED, *UNDECODABLE, *HARMLESS]
    outcomes = await asyncio.gather(*(in_turn(hostile) for hostile in documents))
    return {hostile.name: outcome for hostile, outcome in zip(documents, outcomes, strict=True)}


def named(documents: Sequence[Hostile]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("name", [each.name for each in documents])


def codes(outcome: Ended) -> list[str]:
    assert isinstance(outcome, RenderOutcome), outcome
    return [warning["code"] for warning in outcome.details["warnings"]]


@named(OUT_OF_TIME)
async def test_a_document_that_never_ends_is_stopped_at_its_deadline(
    ended: dict[str, Ended], name: str
) -> None:
    assert isinstance(ended[name], RenderTimeout)


@named(OUT_OF_MEMORY)
async def test_a_document_that_needs_too_much_memory_fails_with_that_error(
    ended: dict[str, Ended], name: str
) -> None:
    assert isinstance(ended[name], RenderOutOfMemory)


@named(FAILED)
async def test_a_document_that_cannot_be_rendered_is_an_error_that_is_not_retried(
    ended: dict[str, Ended], name: str
) -> None:
    error = ended[name]
    assert isinstance(error, RenderFailed)
    assert not error.retryable
    assert ("nested" in str(error)) == ("nested" in name)


@named(UNDECODABLE)
async def test_an_impossible_image_is_left_out_with_a_warning(ended: dict[str, Ended], name: str) -> None:
    assert codes(ended[name]) == ["image_undecodable"]


@named(HARMLESS)
async def test_a_strange_but_harmless_document_is_rendered_in_little_memory(
    ended: dict[str, Ended], name: str
) -> None:
    outcome = ended[name]
    assert isinstance(outcome, RenderOutcome), outcome
    assert outcome.details["pages"] == 1
    assert outcome.details["peak_memory_bytes"] < MEMORY_BYTES * 3 // 4
    assert set(codes(outcome)) <= {"css_ignored"}


async def test_the_pool_is_whole_after_all_of_them(ended: dict[str, Ended], pool: RenderPool) -> None:
    small = Hostile("small", lambda: SMALL)
    outcomes = await asyncio.gather(*(render(pool, small, ENOUGH_TIME_MS) for _ in range(6)))
    assert [codes(outcome) for outcome in outcomes] == [[]] * 6
    await eventually(lambda: pool.free == 2)


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/bomb.css", "asset_too_large"),
        ("/loop", "stylesheet_unreachable"),
        ("/chain.css", "fetch_limit"),
        ("/broken.css", "stylesheet_unreachable"),
    ],
)
async def test_a_stylesheet_from_a_hostile_server_is_left_out_with_a_warning(
    pool: RenderPool, web: HostileWeb, path: str, expected: str
) -> None:
    document = f'<link rel=stylesheet href="{web.url(path)}">{SMALL}'
    outcome = await render(pool, Hostile(path, lambda: document), ENOUGH_TIME_MS)
    assert codes(outcome) == [expected]


async def test_a_document_with_too_many_requests_gets_the_first_ones(
    pool: RenderPool, web: HostileWeb
) -> None:
    web.requests.clear()
    images = "".join(f'<img alt="" src="{web.url(f"/pixel.png?{n}")}">' for n in range(100))
    outcome = await render(pool, Hostile("images", lambda: images), ENOUGH_TIME_MS)
    assert set(codes(outcome)) == {"fetch_limit"}
    assert len(web.requests) == FETCH.max_requests
