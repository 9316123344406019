"""Grids with as many columns as fit, and with boxes that take no place in them."""

from __future__ import annotations

import pytest

from jobs.render.child.html.engine import Engine
from tests.unit.jobs.render.child.corrections.rendering import looks_like, rendered

FOUR = "<div class=g><p>a<p>b<p>c<p>d</div>"
GRID = "body { margin: 0 } .g { display: grid; width: 500px; column-gap: 10px; %s }"


@pytest.mark.parametrize(
    ("tracks", "same"),
    [
        ("repeat(auto-fit, 100px)", "repeat(4, 100px)"),
        ("repeat(auto-fill, 200px)", "repeat(2, 200px)"),
        ("repeat(auto-fit, minmax(120px, 1fr))", "repeat(3, minmax(120px, 1fr))"),
        ("repeat(auto-fit, minmax(60px, 1fr))", "repeat(4, minmax(60px, 1fr))"),
        ("repeat(auto-fill, minmax(60px, 1fr))", "repeat(7, minmax(60px, 1fr))"),
        ("repeat(auto-fill, minmax(40%, 1fr))", "repeat(2, minmax(40%, 1fr))"),
        ("repeat(auto-fill, minmax(600px, 1fr))", "minmax(600px, 1fr)"),
        ("150px repeat(auto-fill, 100px) [end]", "150px repeat(3, 100px) [end]"),
        ("repeat(auto-fill, 100px 50px)", "repeat(2, 100px 50px)"),
        ("repeat(auto-fit, minmax(min(100%, 120px), 1fr))", "repeat(3, minmax(120px, 1fr))"),
    ],
)
def test_there_are_as_many_columns_as_fit(engine: Engine, tracks: str, same: str) -> None:
    css, plain = (GRID % f"grid-template-columns: {each}" for each in (tracks, same))
    assert looks_like(engine, css, plain, FOUR)


def test_the_number_of_columns_has_a_limit(engine: Engine) -> None:
    css = ".g { display: grid; width: 900000px; overflow: hidden; grid-template-columns: %s }"
    many, most = (
        f"<!doctype html><style>{css % each}</style><div class=g></div>"
        for each in ("repeat(auto-fill, 1px)", "repeat(500, 1px)")
    )
    assert rendered(engine, many).pdf == rendered(engine, most).pdf


def test_the_width_is_that_of_the_container_without_margins(engine: Engine) -> None:
    css = "body { width: 500px } .g { display: grid; margin: 0 50px; padding: 0 20px; %s }"
    tracks = ("repeat(auto-fill, 100px)", "repeat(3, 100px)")
    assert looks_like(engine, *(css % f"grid-template-columns: {each}" for each in tracks), FOUR)


@pytest.mark.parametrize("position", ["absolute", "fixed"])
def test_a_box_with_a_position_takes_no_place(engine: Engine, position: str) -> None:
    css = GRID % "grid-template-columns: 1fr 1fr; position: relative" + f" i {{ position: {position} }}"
    empty, without = (f"<div class=g>{each}<p>a<p>b</div>" for each in ("<i></i>", ""))
    assert looks_like(engine, css, css, empty + without) == looks_like(engine, css, css, without + without)


def test_a_box_with_a_position_stands_where_it_says(engine: Engine) -> None:
    css = "main { position: relative; width: 300px; height: 90px } i { position: absolute; right: 9px; top: 5px }"
    grid = "main { display: grid; grid-template-columns: 1fr 1fr } "
    body = "<main><p style='margin: 0'>a</p><i>b</i></main>"
    assert looks_like(engine, grid + css, css, body)
    outer = "section { position: relative } main { position: static !important }"
    assert looks_like(engine, grid + css + outer, css + outer, f"<section>{body}</section>")
