"""How small the PDF should be. Pure."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from jobs.kinds.pdf.values import Strict


class Optimize(Strict):
    """Makes the PDF smaller, at the cost of its images."""

    target_bytes: Annotated[
        int,
        Field(
            ge=10_000,
            le=1_000_000_000,
            description="If the PDF is larger, its images get fewer pixels and a lower quality, in up to four "
            "steps. The warning `target_missed` says that this was not enough.",
        ),
    ]
