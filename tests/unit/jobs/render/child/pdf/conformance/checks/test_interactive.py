from __future__ import annotations

from typing import Any

from pikepdf import Array, Dictionary, Name, Stream, String

from jobs.render.child.pdf.conformance.check import Check
from jobs.render.child.pdf.conformance.checks import interactive
from testsupport.conforming import Change, all_with, cases, first, problems


def _annotation(pdf: Any, **members: Any) -> Any:
    values = {"Type": Name.Annot, "Rect": Array([1, 1, 9, 9]), "F": 4, **members}
    annotation = pdf.make_indirect(Dictionary({f"/{key}": value for key, value in values.items()}))
    pdf.pages[0].obj.Annots.append(annotation)
    return annotation


def film(pdf: Any) -> None:
    _annotation(pdf, Subtype=Name.Movie)


def hidden_link(pdf: Any) -> None:
    first(pdf, Subtype="Link").F = 6


def link_that_is_not_printed(pdf: Any) -> None:
    del first(pdf, Subtype="Link")[Name.F]


def field_without_appearance(pdf: Any) -> None:
    _annotation(pdf, Subtype=Name.Widget, FT=Name.Tx, T=String("x"))


def appearance_for_the_mouse(pdf: Any) -> None:
    picture = Stream(pdf, b"")
    _annotation(pdf, Subtype=Name.Square, AP=Dictionary(N=picture, R=picture))


def check_box_without_states(pdf: Any) -> None:
    _annotation(pdf, Subtype=Name.Widget, FT=Name.Btn, AP=Dictionary(N=Stream(pdf, b"")))


def drawn_by_the_reader(pdf: Any) -> None:
    pdf.Root.AcroForm = Dictionary(NeedAppearances=True, Fields=Array())


def button_with_action(pdf: Any) -> None:
    _annotation(pdf, Subtype=Name.Widget, A=Dictionary(S=Name.URI))


def xfa(pdf: Any) -> None:
    pdf.Root.AcroForm = Dictionary(XFA=Array())


def note_without_tag(pdf: Any) -> None:
    _annotation(pdf, Subtype=Name.Text, Contents=String("x"))


def trap_network(pdf: Any) -> None:
    _annotation(pdf, Subtype=Name.TrapNet)


def other_tab_order(pdf: Any) -> None:
    pdf.pages[0].obj.Tabs = Name.R


def field_without_tag(pdf: Any) -> None:
    first(pdf, Subtype="Widget").StructParent = 999


def two_fields_in_a_tag(pdf: Any) -> None:
    form = first(pdf, S="Form")
    form.K = Array([form.K[0], Dictionary(Type=Name.OBJR, Obj=all_with(pdf, Subtype="Widget")[1])])


def link_without_tag(pdf: Any) -> None:
    del first(pdf, Subtype="Link")[Name.StructParent]


BROKEN: list[tuple[Check, Change]] = [
    (interactive.annotation_types, film),
    (interactive.annotation_flags, hidden_link),
    (interactive.annotation_flags, link_that_is_not_printed),
    (interactive.appearances, field_without_appearance),
    (interactive.appearances, appearance_for_the_mouse),
    (interactive.appearances, check_box_without_states),
    (interactive.form_fields, drawn_by_the_reader),
    (interactive.form_fields, button_with_action),
    (interactive.no_xfa, xfa),
    (interactive.annotation_tags, note_without_tag),
    (interactive.no_trap_networks, trap_network),
    (interactive.tab_order, other_tab_order),
    (interactive.form_tags, field_without_tag),
    (interactive.form_tags, two_fields_in_a_tag),
    (interactive.link_tags, link_without_tag),
]


@cases(BROKEN)
def test_a_file_that_breaks_it_is_found(check: Check, variant: str, change: Change) -> None:
    assert problems(check, variant) == []
    assert problems(check, variant, change)


def test_every_check_has_a_file_that_breaks_it() -> None:
    assert {check.name for check, _ in BROKEN} == {check.name for check in interactive.CHECKS}


def test_an_attached_file_on_a_page_is_allowed_in_parts_that_allow_attachments() -> None:
    def file(pdf: Any) -> None:
        _annotation(pdf, Subtype=Name.FileAttachment)

    found = {
        v
        for v in ("pdf/a-1a", "pdf/a-3a", "pdf/a-4", "pdf/a-4f")
        if problems(interactive.annotation_types, v, file)
    }
    assert found == {"pdf/a-1a", "pdf/a-4"}


def test_a_half_transparent_annotation_is_found_in_part_1() -> None:
    def half(pdf: Any) -> None:
        first(pdf, Subtype="Link").CA = 0.5

    assert problems(interactive.annotation_flags, "pdf/a-1a", half)
    assert problems(interactive.annotation_flags, "pdf/a-2a", half) == []


def test_a_link_that_does_not_say_where_it_leads_is_found_with_its_tag() -> None:
    def silent(pdf: Any) -> None:
        del first(pdf, Subtype="Link")[Name.Contents]

    (problem,) = problems(interactive.link_tags, "pdf/ua-1", silent)
    assert (problem.page, problem.element) == (1, "<Link> tag")


def test_annotations_outside_of_the_page_and_hidden_ones_need_no_tag() -> None:
    def unseen(pdf: Any) -> None:
        _annotation(pdf, Subtype=Name.Text, Rect=Array([9000, 0, 9001, 1]))
        _annotation(pdf, Subtype=Name.Text, F=2)

    assert problems(interactive.annotation_tags, "pdf/ua-1", unseen) == []
