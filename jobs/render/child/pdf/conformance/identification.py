"""Makes WeasyPrint write which standards a PDF claims to follow."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from weasyprint.pdf import VARIANTS
from weasyprint.pdf.metadata import DocumentMetadata

from jobs.render.child.pdf.conformance.variants import Variant

_CLAIM = '<rdf:Description rdf:about="" xmlns:{prefix}="http://www.aiim.org/{namespace}/ns/id/"{values}/>'
_NEW_EXTENSION = """<rdf:Description rdf:about=""
 xmlns:pdfaExtension="http://www.aiim.org/pdfa/ns/extension/"
 xmlns:pdfaSchema="http://www.aiim.org/pdfa/ns/schema#"
 xmlns:pdfaProperty="http://www.aiim.org/pdfa/ns/property#">
<pdfaExtension:schemas><rdf:Bag></rdf:Bag></pdfaExtension:schemas></rdf:Description>"""
_NAMESPACE = re.compile(r'xmlns:\w+="[^"]*"')
_BAG = "<pdfaExtension:schemas><rdf:Bag>"
_UA_SCHEMA = """<rdf:li rdf:parseType="Resource">
<pdfaSchema:schema>PDF/UA Universal Accessibility Schema</pdfaSchema:schema>
<pdfaSchema:namespaceURI>http://www.aiim.org/pdfua/ns/id/</pdfaSchema:namespaceURI>
<pdfaSchema:prefix>pdfuaid</pdfaSchema:prefix>
<pdfaSchema:property><rdf:Seq><rdf:li rdf:parseType="Resource">
<pdfaProperty:name>part</pdfaProperty:name><pdfaProperty:valueType>Integer</pdfaProperty:valueType>
<pdfaProperty:category>internal</pdfaProperty:category>
<pdfaProperty:description>The part of ISO 14289 to which the file conforms</pdfaProperty:description>
</rdf:li></rdf:Seq></pdfaSchema:property></rdf:li>"""
_REVISIONS = {"PDF/A-4": "2020", "PDF/UA-2": "2024"}
_PLAIN_PDF_A_4 = "pdf/a-4u"
"""WeasyPrint's name of a PDF/A-4 without level E or F."""


def engine_options(name: str) -> dict[str, Any]:
    """Returns WeasyPrint's options for a `pdf_variant`.

    WeasyPrint takes one standard. With two, it makes the PDF/A, with tags, and the metadata names
    both.
    """
    first, _, second = name.partition("+")
    engine_variant = _PLAIN_PDF_A_4 if first == "pdf/a-4" else first
    return {"pdf_variant": engine_variant, **({"pdf_tags": True} if second else {})}


def is_tagged(options: Mapping[str, Any]) -> bool:
    """Tells whether the PDF gets tags. WeasyPrint gives some standards tags, whatever is asked."""
    chosen = engine_options(options["pdf_variant"]) if "pdf_variant" in options else {}
    _write, properties = VARIANTS.get(chosen.get("pdf_variant", ""), (None, {}))
    return bool(properties.get("pdf_tags") or chosen.get("pdf_tags") or options.get("tagged"))


def identify(metadata: DocumentMetadata, variants: Sequence[Variant]) -> None:
    """Makes the metadata (XMP) name the standards. Call it when nothing else is added to the XMP.

    WeasyPrint names one, and a level U of PDF/A-4, which does not exist. Parts 1 to 3 of PDF/A want
    a description of the namespace of PDF/UA.
    """
    if not variants:
        return
    generate: Callable[..., bytes] = metadata.generate_rdf_metadata

    def with_variants(kind: str, _version: int, _conformance: str | None) -> bytes:
        rdf = _with_namespaces(generate(kind, None, None).decode())
        if any(variant.is_archive and variant.part < 4 for variant in variants) and any(
            variant.is_accessible for variant in variants
        ):
            if _BAG not in rdf:
                rdf = _added(rdf, _NEW_EXTENSION)
            rdf = rdf.replace(_BAG, _BAG + _UA_SCHEMA, 1)
        return _added(rdf, "".join(_description(variant) for variant in variants)).encode()

    metadata.generate_rdf_metadata = with_variants  # type: ignore[method-assign]


def _with_namespaces(rdf: str) -> str:
    """Declares the namespaces in each description, where some validators look for them."""
    start = rdf[: rdf.index(">")]
    declared = " ".join(each for each in _NAMESPACE.findall(start) if not each.startswith("xmlns:rdf="))
    return rdf.replace("<rdf:Description ", f"<rdf:Description {declared} ")


def _added(rdf: str, text: str) -> str:
    before, end, after = rdf.rpartition("</rdf:RDF>")
    return before + text + end + after


def _description(variant: Variant) -> str:
    prefix = "pdfaid" if variant.is_archive else "pdfuaid"
    values = "".join(f' {prefix}:{name}="{value}"' for name, value in _values(variant))
    return _CLAIM.format(prefix=prefix, namespace=prefix.removesuffix("id"), values=values)


def _values(variant: Variant) -> Iterator[tuple[str, str]]:
    yield "part", str(variant.part)
    if variant.level:
        yield "conformance", variant.level.upper()
    if revision := _REVISIONS.get(variant.standard):
        yield "rev", revision
