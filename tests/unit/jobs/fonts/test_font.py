from __future__ import annotations

import json

from jobs.fonts.font import Font, FontFacts

FACTS = FontFacts(
    families=["Acme Sans", "Acme Sans Bold"],
    weight="700",
    style="normal",
    format="woff2",
    embedding="editable",
    may_be_subset=False,
)
HEAD = {
    "id": "01X",
    "digest": "d" * 64,
    "created": 1_700_000_000_123,
    "bytes": 17,
    "prefix": "acme/font_01X",
    "path": "acme/font_01X/content",
    "replaces": False,
    "facts": FACTS.model_dump(),
}


def test_a_font_is_read_as_it_was_written_and_later_members_are_ignored() -> None:
    later = {**HEAD, "later": 1, "facts": {**FACTS.model_dump(), "later": 1}}
    font = Font.from_head("acme-bold", json.dumps(HEAD))
    assert font == Font.from_head("acme-bold", json.dumps(later).encode())
    assert (font.facts, font.kept_bytes, font.path) == (FACTS, 17, "acme/font_01X/content")


def test_the_document_shows_what_is_in_the_font_and_not_where_it_is_kept() -> None:
    assert Font.from_head("acme-bold", json.dumps(HEAD)).document() == {
        "name": "acme-bold",
        "families": ["Acme Sans", "Acme Sans Bold"],
        "weight": "700",
        "style": "normal",
        "format": "woff2",
        "embedding": "editable",
        "may_be_subset": False,
        "bytes": 17,
        "digest": "d" * 64,
        "created_at": "2023-11-14T22:13:20.123Z",
    }
