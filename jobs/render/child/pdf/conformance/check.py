"""A check of one requirement, and what it finds."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass

from jobs.render.child.pdf.conformance.file import CheckedFile
from jobs.render.child.pdf.conformance.variants import Standard, Variant


@dataclass(frozen=True, slots=True)
class Problem:
    """Something that breaks a requirement."""

    message: str
    page: int | None = None
    element: str | None = None
    """The element of the document, or, if it is not known, the tag."""


Find = Callable[[CheckedFile, Variant], Iterable[Problem]]


@dataclass(frozen=True, slots=True)
class Check:
    clauses: Mapping[Standard, str]
    """The clause of each standard that has the requirement."""
    levels: Collection[str]
    """The conformance levels of PDF/A that have the requirement."""
    find: Find

    @property
    def name(self) -> str:
        return self.find.__name__

    def clause(self, variant: Variant) -> str | None:
        """Returns the clause of the claimed standard; None if it does not have the requirement."""
        applies = variant.is_accessible or variant.level in self.levels
        return self.clauses.get(variant.standard) if applies else None


ALL_LEVELS = frozenset({"", "a", "b", "u", "e", "f"})


def check(clauses: Mapping[Standard, str], levels: Collection[str] = ALL_LEVELS) -> Callable[[Find], Check]:
    """Makes a check of a function that finds what breaks these clauses."""
    return lambda find: Check(clauses, levels, find)
