from __future__ import annotations

import pytest

from jobs.kinds.pdf.invoice_xml import MAX_BYTES, NoInvoice, check, profile_of
from testsupport.invoices import GUIDELINES, NAMESPACE, invoice_xml

EN_16931 = GUIDELINES["EN 16931"]
MIB = 1024**2


@pytest.mark.parametrize(("profile", "guideline"), GUIDELINES.items())
def test_an_invoice_of_its_profile_is_accepted(profile: str, guideline: str) -> None:
    check(invoice_xml(guideline), profile)  # type: ignore[arg-type]
    for other in GUIDELINES.keys() - {profile}:
        with pytest.raises(NoInvoice, match=f"that of the profile {profile}$"):
            check(invoice_xml(guideline), other)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "xml",
    [
        invoice_xml(EN_16931, before='<?xml version="1.0" encoding="UTF-8"?>\n<!-- c -->'),
        b"\xef\xbb\xbf" + invoice_xml(EN_16931),
        invoice_xml(EN_16931).decode().encode("utf-16"),
        invoice_xml(f"\n  {EN_16931}<!-- c -->\n"),
        invoice_xml(EN_16931.replace(":", "&#58;")),
        invoice_xml(EN_16931, inside="<ram:BusinessProcess><ram:ID>urn:other</ram:ID></ram:BusinessProcess>"),
        invoice_xml(EN_16931).replace(b"rsm:", b"").replace(b"xmlns:rsm", b"xmlns"),
        invoice_xml(EN_16931).replace(b"rsm", b"a"),
        invoice_xml(EN_16931, after="<x>" * 100_000 + "</x>" * 100_000),
    ],
    ids=["declared", "mark", "utf-16", "blanks", "characters", "process", "default", "prefix", "deep"],
)
def test_all_spellings_of_xml_are_understood(xml: bytes) -> None:
    check(xml, "EN 16931")


@pytest.mark.parametrize(
    ("xml", "says"),
    [
        (b"", "is not well-formed: no element found (line 1, column 0)"),
        (b"no XML", "is not well-formed: syntax error (line 1, column 0)"),
        (invoice_xml(EN_16931)[:-9], "is not well-formed: unclosed token"),
        (invoice_xml(EN_16931, after="<a></b>"), "is not well-formed: mismatched tag"),
        (invoice_xml(EN_16931, after="&x;"), "is not well-formed: undefined entity"),
        (invoice_xml(EN_16931, after="\x00"), "is not well-formed"),
        (invoice_xml(EN_16931, before="<?xml version='1.0' encoding='x-none'?>"), "unknown encoding"),
        (b"<Invoice xmlns='urn:oasis:x'/>", "begins with Invoice of the namespace 'urn:oasis:x'"),
        (b"<CrossIndustryInvoice/>", "begins with CrossIndustryInvoice of the namespace ''"),
        (invoice_xml("urn:other"), "which belongs to no profile"),
        (invoice_xml(""), "names no guideline"),
        (f"<a:CrossIndustryInvoice xmlns:a='{NAMESPACE}'/>".encode(), "names no guideline"),
        (invoice_xml(EN_16931, before="<!DOCTYPE x>"), "document type declaration"),
        (invoice_xml("x" * 400), "more than 300 characters"),
        (invoice_xml(EN_16931, inside="<a/>" * 200), "names no guideline at its beginning"),
        (invoice_xml(EN_16931, after=" " * MAX_BYTES), "has more than 16 MiB"),
    ],
)
def test_anything_else_is_refused_with_the_reason(xml: bytes, says: str) -> None:
    with pytest.raises(NoInvoice) as refused:
        check(xml, "EN 16931")
    assert says in str(refused.value)


@pytest.mark.parametrize(
    "xml",
    [
        invoice_xml(
            EN_16931,
            before="<!DOCTYPE x [<!ENTITY a 'ha'>"
            + "".join(f"<!ENTITY a{n + 1} '{f'&a{n};' * 10}'>" for n in range(1, 12))
            + "]>",
        ),
        invoice_xml(EN_16931, before="<!DOCTYPE x SYSTEM 'file:///etc/passwd'>"),
        invoice_xml(EN_16931, inside=f"<a xmlns='{'x' * MIB}'>" + "<b/>" * MIB + "</a>"),
        invoice_xml(
            EN_16931, inside="<a " + " ".join(f"a{n}=''" for n in range(300_000)) + "/>" + "<a/>" * 200
        ),
        b"<a>" * (4 * MIB),
    ],
    ids=["growing entities", "external", "long namespace", "attributes", "nested"],
)
def test_hostile_xml_is_refused(xml: bytes) -> None:
    with pytest.raises(NoInvoice):
        check(xml, "EN 16931")


@pytest.mark.parametrize(
    ("guideline", "profile"),
    [
        ("urn:cen.eu:en16931:2017#compliant#urn:zugferd.de:2p0:basic", "BASIC"),
        ("urn:zugferd.de:2p0:minimum", "MINIMUM"),
        ("urn:cen.eu:en16931:2017#compliant#urn:xoev-de:kosit:standard:xrechnung_2.3", "XRECHNUNG"),
        (
            f"{GUIDELINES['XRECHNUNG']}#conformant#urn:xeinkauf.de:kosit:extension:xrechnung_3.0",
            "XRECHNUNG",
        ),
        ("urn:cen.eu:en16931:2017#compliant#urn:fdc:peppol.eu:2017:poacc:billing:3.0", "EN 16931"),
        ("urn:cen.eu:en16931:2017#conformant#urn.cpro.gouv.fr:1p0:extended-ctc-fr", "EXTENDED"),
        ("urn:ferd:CrossIndustryDocument:invoice:1p0:comfort", None),
    ],
)
def test_older_guidelines_and_those_of_countries_belong_to_a_profile(
    guideline: str, profile: str | None
) -> None:
    assert profile_of(guideline) == profile
