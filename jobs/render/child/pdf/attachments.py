"""Attaches files to a PDF, and marks it as an electronic invoice (Factur-X 1.0, ZUGFeRD 2)."""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pydyf  # type: ignore[import-untyped]
import weasyprint
from weasyprint.pdf.metadata import DocumentMetadata

from jobs.render.child.pdf.invoice_profiles import RELATIONSHIPS, Relationship

_FACTURX = """<rdf:Description rdf:about="" xmlns:fx="urn:factur-x:pdfa:CrossIndustryDocument:invoice:1p0#">
<fx:DocumentType>INVOICE</fx:DocumentType><fx:DocumentFileName>{name}</fx:DocumentFileName>
<fx:Version>1.0</fx:Version><fx:ConformanceLevel>{profile}</fx:ConformanceLevel>
</rdf:Description>
<rdf:Description rdf:about="" xmlns:pdfaExtension="http://www.aiim.org/pdfa/ns/extension/"
 xmlns:pdfaSchema="http://www.aiim.org/pdfa/ns/schema#" xmlns:pdfaProperty="http://www.aiim.org/pdfa/ns/property#">
<pdfaExtension:schemas><rdf:Bag><rdf:li rdf:parseType="Resource">
<pdfaSchema:schema>Factur-X PDFA Extension Schema</pdfaSchema:schema>
<pdfaSchema:namespaceURI>urn:factur-x:pdfa:CrossIndustryDocument:invoice:1p0#</pdfaSchema:namespaceURI>
<pdfaSchema:prefix>fx</pdfaSchema:prefix>
<pdfaSchema:property><rdf:Seq>{properties}</rdf:Seq></pdfaSchema:property>
</rdf:li></rdf:Bag></pdfaExtension:schemas>
</rdf:Description>"""
_PROPERTY = """<rdf:li rdf:parseType="Resource"><pdfaProperty:name>{name}</pdfaProperty:name>
<pdfaProperty:valueType>Text</pdfaProperty:valueType><pdfaProperty:category>external</pdfaProperty:category>
<pdfaProperty:description>{description}</pdfaProperty:description></rdf:li>"""
_PROPERTIES = {
    "DocumentFileName": "The name of the embedded XML document",
    "DocumentType": "The type of the hybrid document in capital letters, e.g. INVOICE or ORDER",
    "Version": "The actual version of the standard applying to the embedded XML document",
    "ConformanceLevel": "The conformance level of the embedded XML document",
}


def attachments_of(options: Mapping[str, Any], files: Mapping[str, bytes]) -> list[weasyprint.Attachment]:
    """Returns the attachments that the options ask for, sorted by name, as a PDF stores them.

    `files` are the uploaded files by name.
    """
    invoice = options.get("invoice", {})
    of_invoice = {invoice["file"]: RELATIONSHIPS[invoice["profile"]][0]} if invoice else {}
    return [
        weasyprint.Attachment(
            string=files[wanted["file"]] if "file" in wanted else base64.b64decode(wanted["data"]),
            name=wanted["name"],
            description=wanted.get("description"),
            relationship=_relationship(wanted, of_invoice).capitalize(),
        )
        for wanted in sorted(options.get("attachments", ()), key=lambda wanted: str(wanted["name"]))
    ]


def _relationship(wanted: Mapping[str, Any], of_invoice: Mapping[str, Relationship]) -> str:
    return str(wanted.get("relationship") or of_invoice.get(wanted["name"], "unspecified"))


def linking(attachments: Sequence[weasyprint.Attachment]) -> Callable[[weasyprint.Document, pydyf.PDF], None]:
    """Returns a finisher that lists each attachment once among the associated files of the PDF.

    WeasyPrint lists them twice, or, outside PDF/A, not at all.
    """
    relationships = {attachment.name: attachment.relationship for attachment in attachments}

    def link(_document: weasyprint.Document, pdf: pydyf.PDF) -> None:
        dictionaries = (each for each in pdf.objects if isinstance(each, pydyf.Dictionary))
        files = [each for each in dictionaries if each.get("Type") == "/Filespec"]
        for file in files:
            file["AFRelationship"] = f"/{relationships.get(file['UF'].string, 'Unspecified')}"
        pdf.catalog["AF"] = pydyf.Array([file.reference for file in files])

    return link


def mark_as_invoice(metadata: DocumentMetadata, name: str, profile: str) -> None:
    """Adds to the XMP that the attachment `name` is an invoice of the Factur-X `profile`."""
    properties = "".join(
        _PROPERTY.format(name=name, description=text) for name, text in sorted(_PROPERTIES.items())
    )
    added = _FACTURX.format(name=name, profile=profile, properties=properties).encode()
    generate: Callable[..., bytes] = metadata.generate_rdf_metadata

    def with_invoice(*arguments: Any) -> bytes:
        described, end, _ = generate(*arguments).rpartition(b"</rdf:RDF>")
        return described + added + end

    metadata.generate_rdf_metadata = with_invoice  # type: ignore[method-assign]
