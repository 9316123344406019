"""`python -m tests.corpus --out DIR`: pictures of our pages beside those of Chromium."""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Iterable
from pathlib import Path

from jobs.render.parent.pool import RenderPool
from jobs.render.protocol.limits import FetchLimits, RenderLimits
from tests.corpus.page import CorpusPage, corpus
from tests.corpus.pictures import print_in_chromium, side_by_side
from testsupport.browser import chromium


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.corpus", description=__doc__)
    parser.add_argument("--out", type=Path, metavar="DIR", required=True, help="where pictures are put")
    parser.add_argument("names", nargs="*", help="such as `charts` or `charts/pie`; default: all")
    options = parser.parse_args()
    wanted = [page for page in corpus() if not options.names or {page.id, page.subject} & {*options.names}]
    if not wanted:
        parser.error("no page of the corpus has such a name")
    asyncio.run(draw(wanted, options.out))
    return 0


async def draw(pages: Iterable[CorpusPage], out: Path) -> None:
    pool = RenderPool(size=1, limits=RenderLimits(fetch=FetchLimits(mode="none")))
    await pool.start()
    try:
        async with chromium() as browser:
            for page in pages:
                outcome = await page.render(pool)
                picture = out / f"{page.id}.png"
                picture.parent.mkdir(parents=True, exist_ok=True)
                side_by_side(outcome.body, await print_in_chromium(page, browser)).save(picture)
                print(f"{picture}: {len(outcome.details['warnings'])} warnings")
    finally:
        await pool.close()


if __name__ == "__main__":
    sys.exit(main())
