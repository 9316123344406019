from __future__ import annotations

from typing import Any

from pikepdf import Array, Dictionary, Name, Stream, String

from jobs.render.child.pdf.conformance.check import Check
from jobs.render.child.pdf.conformance.checks import tags
from testsupport.conforming import Change, cases, first, problems


def not_marked(pdf: Any) -> None:
    pdf.Root.MarkInfo.Marked = False


def no_tags(pdf: Any) -> None:
    del pdf.Root[Name.StructTreeRoot]


def no_parent(pdf: Any) -> None:
    del first(pdf, S="P")[Name.P]


def unknown_type(pdf: Any) -> None:
    first(pdf, S="P").S = Name.Odd


def type_mapped_to_itself(pdf: Any) -> None:
    first(pdf, S="P").S = Name.Odd
    pdf.Root.StructTreeRoot.RoleMap = Dictionary(Odd=Name.Odder, Odder=Name.Odd)


def suspect(pdf: Any) -> None:
    pdf.Root.MarkInfo.Suspects = True


def untagged_content(pdf: Any) -> None:
    pdf.pages[0].contents_add(b"0 0 9 9 re f")


def artifact_in_a_tag(pdf: Any) -> None:
    pdf.pages[0].contents_add(b"/P <</MCID 0>> BDC /Artifact BMC EMC EMC")


def tag_in_an_artifact(pdf: Any) -> None:
    pdf.pages[0].contents_add(b"/Artifact BMC /P <</MCID 0>> BDC EMC EMC")


def content_of_no_tag(pdf: Any) -> None:
    pdf.pages[0].contents_add(b"/P <</MCID 999>> BDC EMC")


def drawn_twice(pdf: Any) -> None:
    form = Stream(pdf, b"/P <</MCID 0>> BDC EMC", Subtype=Name.Form, BBox=Array([0, 0, 1, 1]))
    pdf.pages[0].obj.Resources.XObject[Name.Odd] = form
    pdf.pages[0].contents_add(b"/Odd Do /Odd Do")


def paragraph_in_a_table(pdf: Any) -> None:
    first(pdf, S="TR").S = Name.P


def cell_in_a_paragraph(pdf: Any) -> None:
    first(pdf, S="P").K = Array([Dictionary(Type=Name.StructElem, S=Name.TD, P=first(pdf, S="P"))])


def two_heads(pdf: Any) -> None:
    body = first(pdf, S="TBody")
    table = first(pdf, S="Table")
    table.K = Array([*(pdf.make_indirect(Dictionary(S=Name.THead, P=table)) for _ in range(2)), body])


def skipped_level(pdf: Any) -> None:
    first(pdf, S="H2").S = Name.H3


def headings_of_both_kinds(pdf: Any) -> None:
    first(pdf, S="H2").S = Name.H


def list_without_numbering(pdf: Any) -> None:
    del first(pdf, S="L")[Name.A]


def content_in_an_item(pdf: Any) -> None:
    first(pdf, S="LBody").S = Name.LI
    first(pdf, S="LI").K = Array([0])


def note_without_id(pdf: Any) -> None:
    first(pdf, S="P").S = Name.Note


def no_document(pdf: Any) -> None:
    first(pdf, S="Document").S = Name.Div


def document_of_no_namespace(pdf: Any) -> None:
    del first(pdf, S="Document")[Name.NS]


def bookmark_to_a_page(pdf: Any) -> None:
    bookmark = pdf.Root.Outlines.First
    del bookmark[Name.A]
    bookmark.Dest = Array([pdf.pages[0].obj, Name.Fit])


def link_to_a_page(pdf: Any) -> None:
    first(pdf, Subtype="Link").A = Dictionary(S=Name.GoTo, D=Array([pdf.pages[0].obj, Name.Fit]))


def opened_at_a_page(pdf: Any) -> None:
    pdf.Root.OpenAction = Array([pdf.pages[0].obj, Name.Fit])


BROKEN: list[tuple[Check, Change]] = [
    (tags.marked, not_marked),
    (tags.structure_tree, no_tags),
    (tags.tag_types, unknown_type),
    (tags.tag_types, type_mapped_to_itself),
    (tags.not_suspect, suspect),
    (tags.all_content, untagged_content),
    (tags.all_content, artifact_in_a_tag),
    (tags.all_content, tag_in_an_artifact),
    (tags.all_content, content_of_no_tag),
    (tags.tagged_once, drawn_twice),
    (tags.nesting, paragraph_in_a_table),
    (tags.nesting, cell_in_a_paragraph),
    (tags.nesting, two_heads),
    (tags.headings, skipped_level),
    (tags.numbered_headings, headings_of_both_kinds),
    (tags.numbered_lists, list_without_numbering),
    (tags.numbered_lists, content_in_an_item),
    (tags.notes, note_without_id),
    (tags.one_document, no_document),
    (tags.one_document, document_of_no_namespace),
    (tags.structure_destinations, bookmark_to_a_page),
    (tags.structure_destinations, link_to_a_page),
    (tags.structure_destinations, opened_at_a_page),
]


@cases(BROKEN)
def test_a_file_that_breaks_it_is_found(check: Check, variant: str, change: Change) -> None:
    assert problems(check, variant) == []
    assert problems(check, variant, change)


def test_every_check_has_a_file_that_breaks_it() -> None:
    assert {check.name for check, _ in BROKEN} == {check.name for check in tags.CHECKS}


def test_a_tag_that_does_not_name_its_parent_is_found_in_pdf_ua() -> None:
    assert problems(tags.structure_tree, "pdf/ua-1", no_parent)
    assert problems(tags.structure_tree, "pdf/ua-2", no_parent)


def test_a_standard_type_that_is_mapped_is_found() -> None:
    def mapped(pdf: Any) -> None:
        pdf.Root.StructTreeRoot.RoleMap = Dictionary(P=Name.H1)

    assert problems(tags.tag_types, "pdf/ua-1", mapped)


def test_two_notes_with_one_id_are_found() -> None:
    def same_id(pdf: Any) -> None:
        for tag in (first(pdf, S="P"), first(pdf, S="H2")):
            tag.S = Name.Note
            tag.ID = String("n")

    assert [each.message for each in problems(tags.notes, "pdf/ua-1", same_id)] == [
        "two notes have the same ID"
    ]


def test_what_is_drawn_inside_of_an_artifact_is_one() -> None:
    def inside(pdf: Any) -> None:
        form = Stream(pdf, b"0 0 9 9 re f", Subtype=Name.Form, BBox=Array([0, 0, 1, 1]))
        pdf.pages[0].obj.Resources.XObject[Name.Odd] = form
        pdf.pages[0].contents_add(b"/Artifact BMC /Odd Do EMC")

    assert problems(tags.all_content, "pdf/ua-1", inside) == []
