import logging

from hypothesis import given
from hypothesis import strategies as st

from jobs.render.progress_log import ProgressLog

Told = list[tuple[int, str, int | None]]
PROGRESS = logging.getLogger("weasyprint.progress")


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def following() -> tuple[ProgressLog, Told, Clock]:
    told: Told = []
    clock = Clock()
    return ProgressLog(lambda *progress: told.append(progress), clock), told, clock


def test_a_small_document_tells_only_that_layout_begins() -> None:
    log, told, clock = following()
    with log.following():
        PROGRESS.info("Step 1 - Fetching and parsing HTML - %s", "HTML string")
        PROGRESS.info("Step 3 - Applying CSS")
        PROGRESS.info("Step 4 - Creating formatting structure")
        clock.now += 0.02
        PROGRESS.info("Step 5 - Creating layout - Page %d", 1)
        PROGRESS.info("Step 6 - Creating PDF")
    assert told == [(15, "layout", None)]


def test_a_large_document_tells_stages_and_pages_a_few_times_a_second() -> None:
    log, told, clock = following()
    with log.following():
        clock.now += 0.25
        PROGRESS.info("Step 3 - Applying CSS")
        PROGRESS.info("Step 4 - Creating formatting structure")
        for page in range(1, 11):
            clock.now += 0.0625
            PROGRESS.info("Step 5 - Creating layout - Page %d", page)
        clock.now += 0.25
        PROGRESS.info("Step 6 - Creating PDF")
    assert [(stage, page) for _, stage, page in told] == [
        ("styles", None),
        ("layout", None),
        ("layout", 4),
        ("layout", 8),
        ("pdf", 10),
    ]


def test_percent_and_page_do_not_go_back_when_pages_are_laid_out_again() -> None:
    log, told, clock = following()
    with log.following():
        for page in (1, 2, 40, 1, 2):
            clock.now += 1
            PROGRESS.info("Step 5 - Creating layout - Page %d (up-to-date)", page)
    assert [page for _, _, page in told] == [1, 2, 40, 40, 40]
    assert told[-1][0] == told[2][0]


@given(st.lists(st.integers(min_value=1, max_value=100_000)))
def test_percent_never_falls_and_never_reaches_the_next_stage_during_layout(pages: list[int]) -> None:
    log, told, clock = following()
    with log.following():
        PROGRESS.info("Step 4 - Creating formatting structure")
        for page in pages:
            clock.now += 1
            PROGRESS.info("Step 5 - Creating layout - Page %d", page)
        clock.now += 1
        PROGRESS.info("Step 6 - Creating PDF")
        PROGRESS.info("Step 7 - Adding PDF metadata")
    percents = [percent for percent, _, _ in told]
    assert percents == sorted(percents)
    assert all(percent < 85 for percent, stage, _ in told if stage == "layout")


def test_other_lines_and_lines_after_the_render_are_not_told() -> None:
    log, told, _ = following()
    with log.following():
        PROGRESS.info("Something new in the next release")
    PROGRESS.info("Step 4 - Creating formatting structure")
    assert told == []
