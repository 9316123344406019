"""The document is found among uploaded files."""

from __future__ import annotations

import pytest

from api.http.upload.document import take_document
from jobs.core.errors.request import InvalidInput, MalformedBody


def taken(*names: str, index: str | None = None, **content_types: str) -> dict[str, str]:
    files = {name: f"[{name}]".encode() for name in names}
    found = take_document(files, content_types, index, "/index")
    (text,) = (value for member, value in found.items() if member != "index")
    assert files.keys() == set(names) - {text[1:-1]}
    return found


@pytest.mark.parametrize(
    ("names", "member", "found"),
    [
        (["logo.png", "index.html"], "html", "index.html"),
        (["index.htm"], "html", "index.htm"),
        (["index.md", "page.html"], "markdown", "index.md"),
        (["index.html", "ref/index.html", "ref/index.md"], "html", "index.html"),
    ],
)
def test_an_index_at_the_root_is_the_document(names: list[str], member: str, found: str) -> None:
    assert taken(*names) == {member: f"[{found}]"}


@pytest.mark.parametrize(
    ("names", "member", "found"),
    [
        (["site/index.html", "site/ref/index.html"], "html", "site/index.html"),
        (["invoice.html", "logo.png"], "html", "invoice.html"),
        (["a/b.XHTML", "logo.png"], "html", "a/b.XHTML"),
        (["a/notes.markdown", "logo.png"], "markdown", "a/notes.markdown"),
    ],
)
def test_else_the_nearest_index_or_the_only_document_is(names: list[str], member: str, found: str) -> None:
    assert taken(*names) == {member: f"[{found}]", "index": found}


def test_index_names_any_other() -> None:
    names = ["index.html", "ref/p.html", "page", "ref/index.html"]
    assert taken(*names, index="ref/p.html") == {"html": "[ref/p.html]", "index": "ref/p.html"}
    assert taken(*names, index="ref/index.html")["index"] == "ref/index.html"
    assert taken(*names, index="page", page="text/markdown")["markdown"] == "[page]"


@pytest.mark.parametrize(
    ("names", "index", "said"),
    [
        ([], None, "exactly one file"),
        (["a.png"], None, "exactly one file"),
        (["a.html", "b.md"], None, "it can be a.html, b.md"),
        (["index.html", "index.md"], None, "it can be index.html, index.md"),
        (["a/index.html", "b/index.html"], None, "it can be a/index.html, b/index.html"),
        ([f"{n}.html" for n in range(9)], "x.html", "named 'x.html' came with it; it can be 0.html"),
        (["a.png"], "a.png", "should be HTML or Markdown"),
        (["a.html"], "../a.html", "no file named"),
    ],
)
def test_what_is_not_found_is_refused_with_what_it_can_be(
    names: list[str], index: str | None, said: str
) -> None:
    with pytest.raises(InvalidInput) as refused:
        taken(*names, index=index)
    assert said in refused.value.detail
    assert refused.value.errors[0]["pointer"] == "/index"


def test_the_charset_is_that_of_the_part_or_of_the_document() -> None:
    content = "ä".encode("latin-1")
    types = {"a.html": "text/html; charset=iso-8859-1"}
    assert take_document({"a.html": content}, types, None, "")["html"] == "ä"
    assert take_document({"a.html": b"<meta charset=latin1>" + content}, {}, None, "")["html"].endswith("ä")
    with pytest.raises(MalformedBody):
        take_document({"a.html": content}, {}, None, "")
