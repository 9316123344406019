"""What templates can do, and what they cannot."""

from __future__ import annotations

import tracemalloc
from typing import Any

import pytest

from jobs.core.errors.job import TemplateError
from jobs.render.child.html.template_filling import compiled, fill

DATA: dict[str, Any] = {
    "customer": {"name": "Müller & <Söhne>", "tags": ["a", "b"]},
    "order": {"items": [{"title": "Nail", "price": 1.5}, {"title": "Saw", "price": 20}], "note": None},
    "name": "x",
    "numbers": [3, 1, 2],
}


def reason(source: str, **data: Any) -> str:
    with pytest.raises(TemplateError) as caught:
        fill(source, {**DATA, **data})
    assert caught.value.code == "template_error"
    assert not caught.value.retryable
    return caught.value.message


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("{{ customer.name }}", "Müller &amp; &lt;Söhne&gt;"),
        ("{{ customer['name']|safe }}", "Müller & <Söhne>"),
        ("{% for item in order.items %}{{ loop.index }}{{ item.title }} {% endfor %}", "1Nail 2Saw "),
        ("{% for key, value in customer.items() %}{{ key }} {% endfor %}", "name tags "),
        ("{{ order.items|map(attribute='price')|sum }}", "21.5"),
        ("{{ order.get('nothing', 'else') }}", "else"),
        ("{{ order.note is none }} {{ missing is defined }} {{ missing|default('-') }}", "True False -"),
        ("{% macro bold(x) %}<b>{{ x }}</b>{% endmacro %}{{ bold('<') }}", "<b>&lt;</b>"),
        (
            "{% for kind, all in order.items|groupby('title') %}{{ kind }}{{ all|length }}{% endfor %}",
            "Nail1Saw1",
        ),
        (
            "{% set ns = namespace(n=0) %}{% for n in numbers %}{% set ns.n = ns.n + n %}{% endfor %}{{ ns.n }}",
            "6",
        ),
        ("{% block head %}H{% endblock %}{{ self.head() }}", "HH"),
        ("{{ name.upper() }} {{ '-' * 5 }} {{ 2 ** 10 }} {{ numbers|sort|join(',') }}", "X ----- 1024 1,2,3"),
        ("{{ 1234.5|money('EUR', 'de') }}", "1.234,50\xa0€"),
        ("{{ range(3)|list }}", "[0, 1, 2]"),
    ],
)
def test_a_template_is_filled_with_its_data(source: str, text: str) -> None:
    assert fill(source, DATA) == text


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("<p>\n\n{{ nobody }}", "line 3: 'nobody' is undefined"),
        ("{{ customer.nome }}", "line 1: 'dict object' has no attribute 'nome'"),
        ("{% if\nnobody %}{% endif %}", "line 1: 'nobody' is undefined"),
        ("\n{{ 1 / 0 }}", "line 2: division by zero"),
        ("\n{{ name + 1 }}", 'line 2: can only concatenate str (not "int") to str'),
        ("a\n{% for x in %}", "line 2: Expected an expression, got 'end of statement block'"),
        ("a\n{{ name|nonsense }}", "line 2: No filter named 'nonsense'"),
        ("{{ 'ten'|number('de') }}", "line 1: 'ten' is not a number"),
        ("{% macro f() %}\n{{ f() }}{% endmacro %}{{ f() }}", "line 2: it calls itself without end"),
    ],
)
def test_an_error_has_a_line_and_a_reason(source: str, message: str) -> None:
    assert reason(source) == message


@pytest.mark.parametrize(
    "source",
    [
        "{{ ''.__class__ }}",
        "{{ ''['__class__'] }}",
        "{{ ().__class__.__bases__[0].__subclasses__() }}",
        "{{ name|attr('__class__') }}",
        "{{ [name]|map('attr', '__class__')|list }}",
        "{{ [name]|map(attribute='__class__')|first }}",
        "{% for type, all in [name]|groupby('__class__') %}{{ type }}{% endfor %}",
        "{{ [name]|selectattr('__class__')|list }}",
        "{{ [name]|sort(attribute='__class__.__name__') }}",
        "{{ '{0.__class__}'.format(name) }}",
        "{{ '{0.__class__}'.format_map({'0': name}) }}",
        "{{ ('{0.__class__}'|safe).format(name) }}",
        "{% set f = ''.format %}{{ f(1) }}",
        "{{ range.__globals__ }}",
        "{{ cycler.__init__.__globals__.os }}",
        "{{ cycler('a').__init__ }}",
        "{{ namespace().__class__ }}",
        "{{ joiner._Joiner__x }}",
        "{{ dict.mro() }}",
        "{{ dict.fromkeys }}",
        "{{ self._TemplateReference__context }}",
        "{{ self.__init__.__globals__ }}",
        "{% macro m() %}{% endmacro %}{{ m._environment }}",
        "{% macro m() %}{% endmacro %}{{ m.__init__.__globals__ }}",
        "{% for x in numbers %}{{ loop._iterator }}{% endfor %}",
        "{% for x in numbers %}{{ loop.__init__ }}{% endfor %}",
        "{{ (numbers|map('string')).gi_frame }}",
        "{{ name.encode() }}",
        "{{ name.translate({}) }}",
        "{{ (1).to_bytes }}",
        "{{ (1).real }}",
        "{{ numbers.append(4) }}",
        "{{ numbers.sort() }}",
        "{{ customer.update(a=1) }}",
        "{{ customer.pop('name') }}",
        "{{ customer.__len__() }}",
        "{{ lipsum() }}",
        "{{ numbers|random }}",
        "{{ config }}",
        "{{ request }}",
        "{{ name|pprint }}",
        "{% include '/etc/passwd' %}",
        "{% include ['a', 'b'] ignore missing %}",
        "{% import 'os' as os %}",
        "{% from 'os' import path %}",
        "{% extends name %}",
        "{% do numbers.append(1) %}",
        "{% debug %}",
    ],
)
def test_a_template_reaches_nothing_but_its_data(source: str) -> None:
    """It is refused, with a message that reveals nothing about this machine."""
    message = reason(source)
    assert "/jobs/" not in message
    assert "site-packages" not in message


@pytest.mark.parametrize(
    "source",
    [
        "{{ 'x' * 10**9 }}",
        "{{ 10**9 * 'x' }}",
        "{{ [1] * 10**9 }}",
        "{{ (name|safe) * 10**9 }}",
        "{{ 9 ** (9 ** 9) }}",
        "{{ range(10**9)|list }}",
        "{{ range(0, 10**12)|length }}",
        "{{ " + "(" * 500 + "1" + ")" * 500 + " }}",
        "{{ " + "-" * 5000 + "1 }}",
        "{{ " + "9" * 5000 + " }}",
        "{% for x in numbers %}" * 30 + "{% endfor %}" * 30,
        "{% if name %}" * 500 + "{% endif %}" * 500,
    ],
)
def test_templates_that_would_need_too_much_are_refused(source: str) -> None:
    assert reason(source)


def test_compiling_a_template_runs_none_of_it() -> None:
    assert compiled("{{ 'x'|center(1000000000000) }}{{ 'x' * 10**12 }}{{ 7 ** 7 ** 77 }}")


@pytest.mark.parametrize(
    "source",
    [
        "{{ 'a'|center(80000000)|length }}",
        "{{ '%100000000d'|format(1)|length }}",
        "{% if 0 %}{{ 'a'|center(80000000) }}{% endif %}",
        "{% set x = 'a'|center(80000000) %}",
        "{% filter center(80000000) %}a{% endfilter %}",
        "{{ name ~ 'a'|center(80000000) }}",
        "{% for x in 'a'|center(80000000) %}{% endfor %}",
    ],
)
def test_compiling_a_template_evaluates_no_constant_expression(source: str) -> None:
    tracemalloc.start()
    compiled(source)
    _, peak_bytes = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak_bytes < 10_000_000


def test_autoescape_is_decided_by_the_template_and_not_by_an_expression() -> None:
    assert fill("{% autoescape false %}{{ name }}{% endautoescape %}", {"name": "<b>"}) == "<b>"
    assert reason("{% autoescape 'a'|center(80000000) %}{% endautoescape %}") == (
        "line 1: autoescape should be followed by true or false"
    )


def test_the_length_of_the_html_is_limited() -> None:
    source = "{% for a in range(1000) %}{% for b in range(1000) %}{{ name }}{% endfor %}{% endfor %}"
    with pytest.raises(TemplateError, match="more than 500 characters of HTML"):
        fill(source, DATA, max_characters=500)


def test_a_document_does_not_affect_the_next_one() -> None:
    source = "{% set ns = namespace(n=1) %}{{ ns.n }}{{ seen|default('no') }}{% set seen = 'yes' %}"
    assert [fill(source, {}) for _ in range(3)] == ["1no"] * 3
