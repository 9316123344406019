from jobs.render.child.html.css.page_style import page_stylesheet


def test_without_page_options_there_is_no_stylesheet() -> None:
    assert page_stylesheet({"zoom": 2}) is None
    assert page_stylesheet({"margins": {}}) is None


def test_size_and_orientation_are_one_declaration_that_wins_over_the_document() -> None:
    assert (
        page_stylesheet({"page_size": "a5", "orientation": "landscape"})
        == "@page { size: a5 landscape !important }"
    )
    assert page_stylesheet({"page_size": "100mm 5in"}) == "@page { size: 100mm 5in !important }"
    assert page_stylesheet({"orientation": "landscape"}) == "@page { size: landscape !important }"


def test_only_the_margins_that_were_given_are_set() -> None:
    assert (
        page_stylesheet({"margins": {"left": "2cm", "top": "0"}})
        == "@page { margin-top: 0 !important; margin-left: 2cm !important }"
    )
