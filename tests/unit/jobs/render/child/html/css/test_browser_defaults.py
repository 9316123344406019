"""What a document without styles of its own looks like."""

from __future__ import annotations

import pytest

from jobs.render.child.html.css.browser_defaults import is_quirky
from jobs.render.child.html.engine import Engine
from jobs.render.child.html.fetcher import ask_nobody


@pytest.fixture(scope="module")
def engine() -> Engine:
    return Engine(ask_nobody)


def pdf(engine: Engine, document: str) -> bytes:
    try:
        return engine.render("html", document.encode(), {}, lambda step: None).pdf
    finally:
        engine.tidy_up()


@pytest.mark.parametrize(
    "doctype",
    [
        *("<!doctype html>", "  <!DOCTYPE HTML>", "<!-- x --><!doctype html>", "\ufeff<!doctype html>"),
        '<!DOCTYPE html PUBLIC "-//W3C//DTD XHTML 1.0 Strict//EN" "http://www.w3.org/TR/xhtml1/DTD/x.dtd">',
        '<!DOCTYPE HTML PUBLIC "-//W3C//DTD HTML 4.01 Transitional//EN" "http://www.w3.org/TR/html4/loose.dtd">',
        '<?xml version="1.0"?>\n<!DOCTYPE html>',
    ],
)
def test_documents_with_a_current_doctype(doctype: str) -> None:
    assert not is_quirky(f"{doctype}<p>x")
    assert not is_quirky(f"{doctype}<p>x".encode())


@pytest.mark.parametrize(
    "doctype",
    [
        *("", "<html>", '<!DOCTYPE HTML PUBLIC "-//W3C//DTD HTML 4.0 Transitional//EN">'),
        '<!DOCTYPE HTML PUBLIC "-//W3C//DTD HTML 4.01 Transitional//EN">',
        '<!DOCTYPE HTML PUBLIC "-//W3C//DTD HTML 3.2 Final//EN">',
    ],
)
def test_old_documents(doctype: str) -> None:
    assert is_quirky(f"{doctype}<p>x")


def test_a_paragraph_in_a_cell_of_an_old_document_has_no_margins(engine: Engine) -> None:
    table = "<table><tr><td>{}<p{}>x</p>{}</table>"
    bare = pdf(engine, table.format("", " style='margin: 0'", ""))
    assert pdf(engine, table.format("\n", "", "\n")) == bare
    assert pdf(engine, "<!doctype html>" + table.format("", "", "")) != bare
    assert pdf(engine, table.format("y", "", "y")) == pdf(
        engine, "<!doctype html>" + table.format("y", "", "y")
    )


def test_the_document_may_set_these_margins(engine: Engine) -> None:
    table = "<style>p { margin: 1em 0 }</style><table><tr><td><p>x</table>"
    assert pdf(engine, table) == pdf(engine, "<!doctype html>" + table)


@pytest.mark.parametrize("hidden", ["type=hidden", "type=HIDDEN", "hidden"])
def test_hidden_controls_are_not_drawn(engine: Engine, hidden: str) -> None:
    assert pdf(engine, f"<p>a<input {hidden} value=b>") == pdf(engine, "<p>a")


def test_controls_stand_in_the_line(engine: Engine) -> None:
    check_box = "<p>a<input type=checkbox{}>b"
    assert pdf(engine, check_box.format("")) == pdf(
        engine, check_box.format(" style='display: inline-block'")
    )


def test_the_document_may_set_how_controls_look(engine: Engine) -> None:
    style = "display: block; height: 9px; width: 70px; padding: 3px; white-space: pre"
    assert pdf(engine, f"<!doctype html><button style='{style}'>a") == pdf(
        engine, f"<!doctype html><style>button {{ {style} }}</style><button>a"
    )
