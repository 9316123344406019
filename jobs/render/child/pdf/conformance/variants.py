"""The standards that a PDF can claim to follow, as `pdf_variant` names them. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

Standard = Literal["PDF/A-1", "PDF/A-2", "PDF/A-3", "PDF/A-4", "PDF/UA-1", "PDF/UA-2"]

DOCUMENTS: Mapping[Standard, str] = {
    "PDF/A-1": "ISO 19005-1:2005",
    "PDF/A-2": "ISO 19005-2:2011",
    "PDF/A-3": "ISO 19005-3:2012",
    "PDF/A-4": "ISO 19005-4:2020",
    "PDF/UA-1": "ISO 14289-1:2014",
    "PDF/UA-2": "ISO 14289-2:2024",
}
"""The document that each standard is published as."""
_BEGINNINGS: Mapping[str, Standard] = {standard.lower(): standard for standard in DOCUMENTS}
_NO_LEVEL = "pdf/a-4u"
"""WeasyPrint's name of PDF/A-4, which has no level U (ISO 19005-4, 6.7.3)."""


@dataclass(frozen=True, slots=True)
class Variant:
    standard: Standard
    level: str = ""
    """The conformance level, in lower case: `a`, `b`, `u`, `e`, `f`; empty if there is none."""

    @property
    def name(self) -> str:
        return self.standard + self.level

    @property
    def part(self) -> int:
        """The number of the part of ISO 19005 or ISO 14289."""
        return int(self.standard[-1])

    @property
    def is_archive(self) -> bool:
        return self.standard.startswith("PDF/A")

    @property
    def is_accessible(self) -> bool:
        return self.standard.startswith("PDF/UA")


def variants_of(name: str | None) -> tuple[Variant, ...]:
    """Returns the variants of a `pdf_variant`, such as ``pdf/a-3a+ua-1``; none for PDF/X."""
    if name is None or name.startswith("pdf/x"):
        return ()
    first, _, second = name.partition("+")
    return tuple(_variant(each) for each in (first, f"pdf/{second}" if second else "") if each)


def _variant(name: str) -> Variant:
    if name == _NO_LEVEL:
        return Variant("PDF/A-4")
    beginning = next(each for each in _BEGINNINGS if name.startswith(each))
    return Variant(_BEGINNINGS[beginning], name.removeprefix(beginning))
