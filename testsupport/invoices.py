"""Makes the XML of electronic invoices: the beginning, which is all that is checked."""

from __future__ import annotations

GUIDELINES = {
    "MINIMUM": "urn:factur-x.eu:1p0:minimum",
    "BASIC WL": "urn:factur-x.eu:1p0:basicwl",
    "BASIC": "urn:cen.eu:en16931:2017#compliant#urn:factur-x.eu:1p0:basic",
    "EN 16931": "urn:cen.eu:en16931:2017",
    "EXTENDED": "urn:cen.eu:en16931:2017#conformant#urn:factur-x.eu:1p0:extended",
    "XRECHNUNG": "urn:cen.eu:en16931:2017#compliant#urn:xeinkauf.de:kosit:xrechnung_3.0",
}
"""By profile."""
NAMESPACE = "urn:un:unece:uncefact:data:standard:CrossIndustryInvoice:100"


def invoice_xml(guideline: str, *, before: str = "", inside: str = "", after: str = "") -> bytes:
    return (
        f'{before}<rsm:CrossIndustryInvoice xmlns:rsm="{NAMESPACE}" xmlns:ram="urn:x">'
        f"<rsm:ExchangedDocumentContext>{inside}<ram:GuidelineSpecifiedDocumentContextParameter>"
        f"<ram:ID>{guideline}</ram:ID></ram:GuidelineSpecifiedDocumentContextParameter>"
        f"</rsm:ExchangedDocumentContext>{after}</rsm:CrossIndustryInvoice>"
    ).encode()
