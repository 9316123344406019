from __future__ import annotations

from typing import get_args

import pytest

from jobs.kinds.pdf.values import PdfVariant
from jobs.render.child.pdf.conformance.variants import DOCUMENTS, Variant, variants_of


@pytest.mark.parametrize(
    ("name", "variants"),
    [
        (None, ()),
        ("pdf/x-4", ()),
        ("pdf/a-1b", (Variant("PDF/A-1", "b"),)),
        ("pdf/ua-2", (Variant("PDF/UA-2"),)),
        ("pdf/a-3a+ua-1", (Variant("PDF/A-3", "a"), Variant("PDF/UA-1"))),
        ("pdf/a-4f+ua-2", (Variant("PDF/A-4", "f"), Variant("PDF/UA-2"))),
    ],
)
def test_a_name_stands_for_one_variant_or_two(name: str | None, variants: tuple[Variant, ...]) -> None:
    assert variants_of(name) == variants


def test_pdf_a_4_has_no_level_u() -> None:
    assert variants_of("pdf/a-4u") == variants_of("pdf/a-4") == (Variant("PDF/A-4"),)


def test_every_variant_but_pdf_x_makes_a_claim_to_a_published_standard() -> None:
    for name in get_args(PdfVariant):
        variants = variants_of(name)
        assert len(variants) == (0 if name.startswith("pdf/x") else name.count("+") + 1)
        assert all(variant.standard in DOCUMENTS for variant in variants)
