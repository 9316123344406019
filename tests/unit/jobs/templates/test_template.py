from __future__ import annotations

from jobs.templates.template import Template, TemplateContent, TemplateVersion

CONTENT = TemplateContent(
    html="<p>{{ ü }}",
    stylesheets=("p { color: red }",),
    schema={"type": "object"},
    sample_data={"b": None, "a": 1},
    description="A letter",
)


def test_content_is_read_as_it_was_written_and_later_members_are_ignored() -> None:
    assert TemplateContent.from_json(CONTENT.to_json()) == CONTENT
    later = CONTENT.to_json()[:-1] + b',"later":1}'
    assert TemplateContent.from_json(later) == CONTENT


def test_the_digest_depends_on_the_content_and_not_on_the_order_of_its_members() -> None:
    other_order = TemplateContent(
        html=CONTENT.html,
        stylesheets=CONTENT.stylesheets,
        schema=CONTENT.schema,
        sample_data={"a": 1, "b": None},
        description="A letter",
    )
    assert other_order.digest == CONTENT.digest
    for change in (
        {"html": "x"},
        {"stylesheets": ()},
        {"schema": None},
        {"sample_data": {}},
        {"description": ""},
    ):
        members = {name: getattr(CONTENT, name) for name in CONTENT.__dataclass_fields__}
        assert TemplateContent(**{**members, **change}).digest != CONTENT.digest, change


def test_the_document_has_all_members() -> None:
    head = TemplateVersion(
        name="letter", version=3, digest="d", created_ms=1_750_000_000_000, description="A letter"
    )
    assert Template(head=head, content=CONTENT).document() == {
        "name": "letter",
        "version": 3,
        "created_at": "2025-06-15T15:06:40.000Z",
        "digest": "d",
        "description": "A letter",
        "html": "<p>{{ ü }}",
        "stylesheets": ("p { color: red }",),
        "schema": {"type": "object"},
        "sample_data": {"b": None, "a": 1},
    }
