"""Links tagged content in groups, such as those of ``opacity``, with its structure elements.

The content of a group is a form XObject. Its pieces are named with this stream, and have an entry
of their own in the parent tree (ISO 32000-1, 14.7.4.2). WeasyPrint names them as content of the
page, which has no such pieces.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence

import pydyf  # type: ignore[import-untyped]

from jobs.render.child.pdf.tagging.tree import referred


def link(
    pdf: pydyf.PDF,
    elements: Sequence[pydyf.Dictionary],
    page_streams: Sequence[pydyf.Stream],
    streams: Mapping[tuple[int, int], pydyf.Stream],
) -> None:
    """Links content in groups. `streams` are those of `Recording`."""
    numbers = {reference: number for number, reference in enumerate(pdf.page_references)}
    owners: dict[int, dict[int, bytes]] = defaultdict(dict)
    by_number: dict[int, pydyf.Stream] = {}
    nums = referred(pdf, referred(pdf, pdf.catalog["StructTreeRoot"])["ParentTree"])["Nums"]
    for element in elements:
        page_number = numbers.get(element.get("Pg"))
        if page_number is None:
            continue
        page_stream = page_streams[page_number]
        for at, kid in enumerate(element["K"]):
            stream = streams.get((id(page_stream._tags), kid)) if isinstance(kid, int) else None
            if stream is None or stream is page_stream or stream.number is None:
                continue
            element["K"][at] = pydyf.Dictionary(
                {"Type": "/MCR", "Pg": element["Pg"], "Stm": stream.reference, "MCID": kid}
            )
            owners[stream.number][kid] = element.reference
            by_number[stream.number] = stream
            nums[2 * page_number + 1][kid] = "null"
    for key, (number, of_stream) in enumerate(owners.items(), start=len(nums) // 2):
        by_number[number].extra["StructParents"] = key
        nums.extend((key, pydyf.Array(of_stream.get(mcid, "null") for mcid in range(max(of_stream) + 1))))
