from jobs.render.child.warnings import MAX_OF_A_CODE, Warnings
from jobs.render.protocol.messages import MAX_WARNINGS
from jobs.render.protocol.warning_codes import SEVERITY


def test_the_worst_warnings_come_first_and_others_stay_in_their_order() -> None:
    warnings = Warnings()
    for code in ("css_ignored", "accessibility", "image_unreachable", "metadata_invalid", "glyph_missing"):
        warnings.add(code, "m")  # type: ignore[arg-type]
    listed, _ = warnings.listed()
    assert [warning["code"] for warning in listed] == [
        "image_unreachable",
        "glyph_missing",
        "accessibility",
        "metadata_invalid",
        "css_ignored",
    ]


def test_plenty_of_one_code_leaves_room_for_the_others_and_is_counted() -> None:
    warnings = Warnings()
    for number in range(MAX_OF_A_CODE + 7):
        warnings.add("css_ignored", f"Ignored {number}.")
    warnings.add("image_unreachable", "No image.")
    listed, omitted = warnings.listed()
    assert [warning["code"] for warning in listed] == ["image_unreachable", *["css_ignored"] * MAX_OF_A_CODE]
    assert omitted == {"css_ignored": 7}


def test_warnings_with_one_key_are_one_with_the_place_of_the_first() -> None:
    warnings = Warnings()
    for line in (3, 5, 9):
        warnings.add("css_ignored", f"Ignored in {line}.", key="colr", source="a.css", line=line)
    warnings.add("css_ignored", "Ignored in 4.", key="other")
    assert warnings.listed() == (
        [
            {"code": "css_ignored", "message": "Ignored in 3.", "source": "a.css", "line": 3, "count": 3},
            {"code": "css_ignored", "message": "Ignored in 4."},
        ],
        {},
    )


def test_a_warning_has_its_element_and_page() -> None:
    warnings = Warnings()
    warnings.add("content_cut", "It is cut.", element="<table>", page=3)
    (listed,), _ = warnings.listed()
    assert listed == {"code": "content_cut", "message": "It is cut.", "element": "<table>", "page": 3}


def test_no_more_are_listed_than_an_answer_may_have() -> None:
    warnings = Warnings()
    for code in SEVERITY:
        for number in range(MAX_OF_A_CODE):
            warnings.add(code, f"{number}")
    listed, omitted = warnings.listed()
    assert len(listed) == MAX_WARNINGS
    assert len(listed) + sum(omitted.values()) == len(SEVERITY) * MAX_OF_A_CODE
    assert {SEVERITY[warning["code"]] for warning in listed} == {"error"}


def test_long_texts_are_cut() -> None:
    warnings = Warnings()
    warnings.add("css_ignored", "m" * 9000, url="u" * 9000, source="s" * 9000)
    (listed,), _ = warnings.listed()
    assert {len(value) for value in listed.values()} == {len("css_ignored"), 500}
