import logging

from hypothesis import given
from hypothesis import strategies as st

from jobs.render.child.html.progress_log import ProgressLog, Step

PROGRESS = logging.getLogger("weasyprint.progress")


def test_stages_and_pages_are_reported_in_order() -> None:
    steps: list[Step] = []
    with ProgressLog(steps.append).following():
        PROGRESS.info("Step 1 - Fetching and parsing HTML - %s", "HTML string")
        PROGRESS.info("Step 3 - Applying CSS")
        PROGRESS.info("Step 4 - Creating formatting structure")
        PROGRESS.info("Step 5 - Creating layout - Page %d", 1)
        PROGRESS.info("Step 6 - Creating PDF")
    assert [(stage, page) for _, stage, page in steps] == [
        ("styles", None),
        ("layout", None),
        ("layout", 1),
        ("pdf", 1),
    ]


def test_percent_and_page_do_not_fall_when_pages_are_laid_out_again() -> None:
    steps: list[Step] = []
    with ProgressLog(steps.append).following():
        for page in (1, 2, 40, 1, 2):
            PROGRESS.info("Step 5 - Creating layout - Page %d (up-to-date)", page)
    assert [page for _, _, page in steps] == [1, 2, 40, 40, 40]
    assert steps[-1].percent == steps[2].percent


@given(st.lists(st.integers(min_value=1, max_value=100_000)))
def test_percent_never_falls_and_never_reaches_the_next_stage_during_layout(pages: list[int]) -> None:
    steps: list[Step] = []
    with ProgressLog(steps.append).following():
        PROGRESS.info("Step 4 - Creating formatting structure")
        for page in pages:
            PROGRESS.info("Step 5 - Creating layout - Page %d", page)
        PROGRESS.info("Step 6 - Creating PDF")
        PROGRESS.info("Step 7 - Adding PDF metadata")
    percents = [percent for percent, _, _ in steps]
    assert percents == sorted(percents)
    assert all(percent < 85 for percent, stage, _ in steps if stage == "layout")


def test_other_messages_and_messages_after_the_render_are_not_reported() -> None:
    steps: list[Step] = []
    with ProgressLog(steps.append).following():
        PROGRESS.info("Something new in the next release")
    PROGRESS.info("Step 4 - Creating formatting structure")
    assert steps == []
