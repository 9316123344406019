from __future__ import annotations

from typing import Any

from pikepdf import Array, Dictionary, Name, String

from jobs.render.child.pdf.conformance.check import Check
from jobs.render.child.pdf.conformance.checks import actions
from testsupport.conforming import Change, cases, first, problems


def script_at_opening(pdf: Any) -> None:
    pdf.Root.OpenAction = Dictionary(S=Name.Launch)


def link_that_launches(pdf: Any) -> None:
    first(pdf, Subtype="Link").A = Dictionary(S=Name.Launch)


def next_action(pdf: Any) -> None:
    first(pdf, Subtype="Link").A = Dictionary(S=Name.URI, Next=Dictionary(S=Name.Sound))


def unknown_named_action(pdf: Any) -> None:
    pdf.Root.OpenAction = Dictionary(S=Name.Named, N=Name.Print)


def field_trigger(pdf: Any) -> None:
    annotation = Dictionary(Type=Name.Annot, Subtype=Name.Widget, AA=Dictionary(E=Dictionary(S=Name.Hide)))
    pdf.pages[0].obj.Annots.append(pdf.make_indirect(annotation))


def catalog_trigger(pdf: Any) -> None:
    pdf.Root.AA = Dictionary(WC=Dictionary(S=Name.URI))


BROKEN: list[tuple[Check, Change]] = [
    (actions.actions, script_at_opening),
    (actions.actions, link_that_launches),
    (actions.actions, next_action),
    (actions.actions, unknown_named_action),
    (actions.actions, field_trigger),
    (actions.triggers, catalog_trigger),
    (actions.triggers, field_trigger),
]


@cases(BROKEN)
def test_a_file_that_breaks_it_is_found(check: Check, variant: str, change: Change) -> None:
    assert problems(check, variant) == []
    assert problems(check, variant, change)


def test_every_check_has_a_file_that_breaks_it() -> None:
    assert {check.name for check, _ in BROKEN} == {check.name for check in actions.CHECKS}


def test_scripts_are_found_in_parts_1_to_3() -> None:
    def script(pdf: Any) -> None:
        code = pdf.make_indirect(Dictionary(S=Name.JavaScript, JS=String("")))
        pdf.Root.Names = Dictionary(JavaScript=Dictionary(Names=Array([String("x"), code])))

    found = {
        v for v in ("pdf/a-1a", "pdf/a-2a", "pdf/a-3a", "pdf/a-4") if problems(actions.actions, v, script)
    }
    assert found == {"pdf/a-1a", "pdf/a-2a", "pdf/a-3a"}


def test_actions_that_follow_each_other_for_ever_end() -> None:
    def endless(pdf: Any) -> None:
        action = pdf.make_indirect(Dictionary(S=Name.URI))
        action.Next = action
        pdf.Root.OpenAction = action

    assert problems(actions.actions, "pdf/a-2a", endless) == []
