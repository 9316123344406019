from __future__ import annotations

import io
from typing import Any

import pikepdf
import pytest

from jobs.render.child.pdf.conformance.check import Check
from jobs.render.child.pdf.conformance.checking import CHECKS, reports
from jobs.render.child.pdf.conformance.variants import DOCUMENTS, Variant, variants_of
from testsupport.conforming import VARIANTS, changed, good


@pytest.mark.parametrize("variant", VARIANTS)
def test_a_good_file_passes_every_clause_that_is_checked(variant: str) -> None:
    (report,) = reports(good(variant), variants_of(variant))
    assert [each.problem for each in report.broken] == []
    clauses = {clause for check in CHECKS if (clause := check.clause(report.variant))}
    assert set(report.passed) == clauses
    assert report.failed == []


def test_clauses_are_in_the_order_of_the_standard() -> None:
    (report,) = reports(good("pdf/a-2a"), variants_of("pdf/a-2a"))
    assert report.passed.index("6.1.2") < report.passed.index("6.1.13") < report.passed.index("6.2.2")


def test_a_clause_that_is_broken_is_not_among_those_that_passed() -> None:
    def smoothed(pdf: Any) -> None:
        for each in pdf.objects:
            if isinstance(each, pikepdf.Stream) and each.get("/Subtype") == "/Image":
                each.Interpolate = True

    (report,) = reports(changed(good("pdf/a-2a"), smoothed), variants_of("pdf/a-2a"))
    assert report.failed == ["6.2.8"]
    assert "6.2.8" not in report.passed


def test_every_claim_is_checked() -> None:
    one, two = reports(good("pdf/ua-1"), variants_of("pdf/a-1a+ua-1"))
    assert one.variant == Variant("PDF/A-1", "a")
    assert "6.7.11" in one.failed
    assert two.failed == []


def test_an_encrypted_file_is_read_with_its_password() -> None:
    def encrypt(pdf: Any) -> bytes:
        file = io.BytesIO()
        pdf.save(file, encryption=pikepdf.Encryption(user="u", owner="o", R=6))
        return file.getvalue()

    (report,) = reports(changed(good("pdf/ua-1"), encrypt), variants_of("pdf/ua-1"), password="u")
    assert report.failed == []


def test_levels_below_a_need_no_tags() -> None:
    def no_tags(pdf: Any) -> None:
        del pdf.Root["/StructTreeRoot"]

    data = changed(good("pdf/a-2a"), no_tags)
    assert "6.7.3.3" in reports(data, variants_of("pdf/a-2a"))[0].failed
    assert "6.7.3.3" not in reports(data, variants_of("pdf/a-2b"))[0].failed


def test_a_file_at_which_a_check_fails_does_not_pass() -> None:
    def odd(pdf: Any) -> None:
        pdf.Root.Metadata = pikepdf.Stream(pdf, b"x")
        pdf.Root.MarkInfo = pikepdf.Array()
        pdf.Root.OutputIntents = pikepdf.Array([1, pikepdf.Dictionary(), pikepdf.Array()])
        pdf.Root.StructTreeRoot = pikepdf.Dictionary()
        pdf.Root.StructTreeRoot.K = pikepdf.Array([1, pikepdf.Dictionary(K=pikepdf.Name.X)])
        pdf.pages[0].obj.Annots = pikepdf.Array([1, pikepdf.Dictionary()])

    for variant in VARIANTS:
        assert reports(changed(good(variant), odd), variants_of(variant))[0].failed


def test_each_check_is_of_a_standard_and_says_what_it_asks() -> None:
    for check in CHECKS:
        assert check.clauses
        assert set(check.clauses) <= set(DOCUMENTS)
        assert check.find.__doc__
    names = [check.name for check in CHECKS]
    assert len(set(names)) == len(names)


def test_without_claims_nothing_is_checked() -> None:
    assert reports(b"no PDF", ()) == []


def test_the_check_of_another_standard_does_not_apply() -> None:
    check = Check({"PDF/A-1": "6.4"}, frozenset("ab"), lambda file, variant: [])
    assert check.clause(Variant("PDF/A-1", "b")) == "6.4"
    assert check.clause(Variant("PDF/A-2", "b")) is None
