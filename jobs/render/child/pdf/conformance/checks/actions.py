"""Actions: what readers do when a link is followed or the file is opened."""

from __future__ import annotations

from collections.abc import Iterator

from jobs.render.child.pdf.conformance.check import Check, Problem, check
from jobs.render.child.pdf.conformance.file import CheckedFile
from jobs.render.child.pdf.conformance.objects import items, member, name, tree_items
from jobs.render.child.pdf.conformance.variants import Variant

_ACTIONS_1 = frozenset({"GoTo", "GoToR", "Thread", "URI", "Named", "SubmitForm"})
_ACTIONS_2 = _ACTIONS_1 | {"GoToE"}
_ACTIONS_4 = _ACTIONS_2 | {"JavaScript", "RichMediaExecute", "GoToDp"}
_ACTIONS_4E = _ACTIONS_4 | {"SetOCGState", "GoTo3DView"}
_NAMED = frozenset({"NextPage", "PrevPage", "FirstPage", "LastPage"})
_OTHERS_WITH_S = frozenset({"Transparency", "Alpha", "Luminosity"})


@check({"PDF/A-1": "6.6.1", "PDF/A-2": "6.5.1", "PDF/A-3": "6.5.1", "PDF/A-4": "6.6.1"})
def actions(file: CheckedFile, variant: Variant) -> Iterator[Problem]:
    """Actions only lead somewhere: none starts programs, plays, hides, or (parts 1 to 3) scripts.

    A dictionary is taken for an action if something names it as one, or its type says so.
    """
    allowed = {1: _ACTIONS_1, 2: _ACTIONS_2, 3: _ACTIONS_2, 4: _ACTIONS_4}[variant.part]
    if variant.level == "e":
        allowed = _ACTIONS_4E
    for action in _actions(file):
        kind = name(member(action, "/S"))
        if kind not in allowed:
            yield Problem(f"{variant.name} allows no action {kind[:30] or 'without a type'}")
        elif kind == "Named" and name(member(action, "/N")) not in _NAMED:
            yield Problem(f"{variant.name} allows no action {name(member(action, '/N'))[:30]}")


@check({"PDF/A-1": "6.6.2", "PDF/A-2": "6.5.2", "PDF/A-3": "6.5.2"})
def triggers(file: CheckedFile, variant: Variant) -> Iterator[Problem]:
    """Opening the file, a page or a field starts no actions (AA)."""
    if "/AA" in file.root:
        yield Problem("opening or closing the file starts an action")
    if variant.part > 1 and any("/AA" in page.obj for page in file.document.pages):
        yield Problem("opening a page starts an action")
    for each in file.dictionaries:
        if "/AA" in each and ("/FT" in each or name(each.get("/Subtype")) == "Widget"):
            yield Problem("a form field starts an action")


def _actions(file: CheckedFile) -> Iterator[object]:
    waiting: list[object] = [
        each for each in (file.root.get("/OpenAction"),) if member(each, "/S") is not None
    ]
    for each in file.dictionaries:
        if member(each.get("/A"), "/S") is not None and ("/Subtype" in each or "/Title" in each):
            waiting.append(each.get("/A"))
        triggered = each.get("/AA")
        waiting += [action for _, action in sorted(_entries(triggered))]
    waiting += [value for _, value in tree_items(member(file.root, "/Names", "/JavaScript"), "/Names")]
    for _ in range(100_000):  # more are a cycle
        if not waiting:
            return
        action = waiting.pop()
        yield action
        waiting += items(member(action, "/Next"))


def _entries(triggered: object) -> list[tuple[str, object]]:
    keys = list(triggered.keys()) if hasattr(triggered, "keys") else []
    return [(key, member(triggered, key)) for key in keys]


CHECKS: tuple[Check, ...] = (actions, triggers)
