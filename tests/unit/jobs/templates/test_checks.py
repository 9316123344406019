from __future__ import annotations

from typing import Any

import pytest

from jobs.templates.checks import MAX_FLAWS, flaws_of_data, flaws_of_html, flaws_of_schema

SCHEMA = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "type": "object",
    "properties": {
        "number": {"type": "string", "pattern": "^R-[0-9]+$"},
        "date": {"type": "string", "format": "date"},
        "a/b~c": {"type": "integer"},
        "items": {"type": "array", "items": {"$ref": "#/$defs/item"}},
    },
    "required": ["number"],
    "additionalProperties": False,
    "$defs": {"item": {"properties": {"price": {"type": "number", "minimum": 0}}, "required": ["price"]}},
}
GOOD = {"number": "R-17", "date": "2026-01-31", "a/b~c": 3, "items": [{"price": 0.5}]}


def data_flaws(data: Any, schema: dict[str, Any] = SCHEMA) -> tuple[list[dict[str, str]], int]:
    misfits: list[None] = []
    flaws = list(flaws_of_data(schema, data, "/input/data", lambda: misfits.append(None)))
    return flaws, len(misfits)


def test_valid_templates_schemas_and_data_have_no_flaws() -> None:
    assert flaws_of_html("<p>{{ number }}", "/html") == []
    assert flaws_of_schema(SCHEMA, "/schema") == []
    assert data_flaws(GOOD) == ([], 0)


@pytest.mark.parametrize(
    ("change", "pointer", "message"),
    [
        ({"number": "17"}, "/input/data/number", "does not match"),
        ({"date": "31.1.2026"}, "/input/data/date", 'is not a "date"'),
        ({"a/b~c": "x"}, "/input/data/a~1b~0c", 'is not of type "integer"'),
        ({"items": [{"price": 1}, {"price": -1}]}, "/input/data/items/1/price", "less than the minimum"),
        ({"items": [{}]}, "/input/data/items/0", '"price" is a required property'),
        ({"more": 1}, "/input/data", "'more' was unexpected"),
    ],
)
def test_flaws_of_data_have_pointers(change: dict[str, Any], pointer: str, message: str) -> None:
    flaws, misfits = data_flaws({**GOOD, **change})
    assert [flaw["pointer"] for flaw in flaws] == [pointer]
    assert message in flaws[0]["message"]
    assert misfits == 1, "called once, before the flaws"


def test_flaws_are_limited_in_number_and_length() -> None:
    flaws, _ = data_flaws({"number": "x" * 10_000, "items": [{}] * 1000})
    assert len(flaws) == MAX_FLAWS
    assert all(len(flaw["message"]) < 400 for flaw in flaws)


@pytest.mark.parametrize(
    ("schema", "pointer", "message"),
    [
        ({"type": "strin"}, "/schema/type", "not valid"),
        ({"properties": {"a": {"minimum": "1"}}}, "/schema/properties/a/minimum", 'is not of type "number"'),
        ({"$schema": "http://json-schema.org/draft-07/schema#"}, "/schema/$schema", "2020-12"),
        ({"$schema": 5}, "/schema/$schema", "2020-12"),
        ({"$ref": "#/$defs/nothing"}, "/schema", "refers to itself alone"),
        ({"$ref": "https://example.com/schema.json"}, "/schema", "refers to itself alone"),
        ({"$ref": "file:///etc/hostname"}, "/schema", "refers to itself alone"),
        ({"$id": "https://example.com/a", "$ref": "b"}, "/schema", "refers to itself alone"),
        ({"properties": {"a": {"$ref": "other.json"}}}, "/schema", "refers to itself alone"),
        ({"pattern": "(a"}, "/schema/pattern", 'is not a "regex"'),
        ({"pattern": "(?=a)b"}, "/schema/pattern", "look-around"),
        ({"pattern": r"(a)\1"}, "/schema/pattern", "back-references"),
        ({"patternProperties": {"(?<!a)b": {}}}, "/schema", "look-around"),
    ],
)
def test_flaws_of_a_schema_have_pointers(schema: dict[str, Any], pointer: str, message: str) -> None:
    (flaw,) = flaws_of_schema(schema, "/schema")
    assert flaw["pointer"].startswith(pointer)
    assert message in flaw["message"]


def test_recursive_schemas_are_valid_and_checks_of_them_end() -> None:
    tree = {"type": "object", "properties": {"children": {"items": {"$ref": "#"}}}}
    assert flaws_of_schema(tree, "/schema") == []
    assert data_flaws({"children": [{"children": []}, {"children": [5]}]}, tree)[0] == [
        {"pointer": "/input/data/children/1/children/0", "message": '5 is not of type "object"'}
    ]
    for loop in ({"$ref": "#"}, {"allOf": [{"$ref": "#"}]}, {"$dynamicAnchor": "a", "$dynamicRef": "#a"}):
        assert data_flaws({}, loop) == ([], 0)


def test_regular_expressions_do_not_backtrack() -> None:
    schema = {"properties": {"a": {"pattern": "^(a+)+$"}}}
    flaws, _ = data_flaws({"a": "a" * 200_000 + "b"}, schema)
    assert [flaw["pointer"] for flaw in flaws] == ["/input/data/a"]


def test_a_flaw_of_html_names_its_line() -> None:
    assert flaws_of_html("<p>\n{{ x", "/html") == [
        {
            "pointer": "/html",
            "message": "line 2: unexpected end of template, expected 'end of print statement'",
        }
    ]
    assert "extend, include or import" in flaws_of_html("{% include 'x' %}", "/html")[0]["message"]
