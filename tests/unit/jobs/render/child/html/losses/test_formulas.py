"""Which formulas in MathML are told."""

from __future__ import annotations

import pytest

from tests.unit.jobs.render.child.html.losses.conftest import Warned

FRACTION = "<mfrac><mi>a</mi><mi>b</mi></mfrac>"
POWER = "<msup><mi>x</mi><mn>2</mn></msup>"
KATEX = ".m { position: absolute; clip: rect(1px, 1px, 1px, 1px); width: 1px; height: 1px; overflow: hidden }"


def test_each_structure_that_is_drawn_as_plain_text_is_told_once(warned: Warned) -> None:
    found = warned(f"<p>x<math><mrow>{FRACTION}<mo>+</mo>{POWER}{POWER}</mrow></math>")
    assert [(each["code"], each["element"], each.get("count")) for each in found] == [
        ("formula_unsupported", "<mfrac> (element 7)", None),
        ("formula_unsupported", "<msup> (element 11)", 2),
    ]


@pytest.mark.parametrize(
    "html",
    [
        "<p><math><mi>x</mi><mo>=</mo><mn>2</mn></math>",
        f"<style>{KATEX}</style><p>a/b<span class=m><math>{FRACTION}</math></span>",
        f"<p>x<math hidden>{FRACTION}</math>",
        f"<style>msup > :last-child {{ vertical-align: super }}</style><p><math>{POWER}</math>",
        f"<style>mfrac {{ display: inline-block }} mfrac > * {{ display: block }}</style><math>{FRACTION}</math>",
    ],
)
def test_formulas_that_are_plain_or_hidden_or_arranged_by_css_are_not(warned: Warned, html: str) -> None:
    assert warned(html) == []
