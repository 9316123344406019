"""Reads the metadata of a PDF (XMP, ISO 16684-1)."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

import pikepdf
from pikepdf import Stream

RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
NAMESPACES: Mapping[str, str] = {
    "dc": "http://purl.org/dc/elements/1.1/",
    "xmp": "http://ns.adobe.com/xap/1.0/",
    "pdf": "http://ns.adobe.com/pdf/1.3/",
    "pdfaid": "http://www.aiim.org/pdfa/ns/id/",
    "pdfuaid": "http://www.aiim.org/pdfua/ns/id/",
    "pdfaExtension": "http://www.aiim.org/pdfa/ns/extension/",
    "pdfaSchema": "http://www.aiim.org/pdfa/ns/schema#",
    "pdfaProperty": "http://www.aiim.org/pdfa/ns/property#",
}
_HEADER = re.compile(rb"<\?xpacket\s+begin=.{0,200}?\?>", re.DOTALL)
_HAS_DOCTYPE = re.compile(rb"<!DOCTYPE", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Xmp:
    stream: Stream | None = None
    """None if the catalog has no metadata."""
    header: str = ""
    error: str | None = None
    """Why it cannot be read."""
    properties: Mapping[str, Element | str] = field(default_factory=dict)
    """By ``{namespace}name``: an element, or the text of an attribute."""
    repeated: Sequence[str] = ()
    """Names of properties that the packet has more than once."""

    def texts(self, prefix: str, name: str) -> list[str]:
        """Returns the values of a property; none if it is absent."""
        value = self.properties.get(f"{{{NAMESPACES[prefix]}}}{name}")
        if value is None:
            return []
        if isinstance(value, str):
            return [value]
        listed = value.findall(f".//{{{RDF}}}li")
        return ["".join(each.itertext()) for each in listed or [value]]

    def text(self, prefix: str, name: str) -> str | None:
        """Returns the first value of a property, such as that of the default language."""
        return next(iter(self.texts(prefix, name)), None)

    def extensions(self) -> dict[str, set[str]]:
        """Returns the properties that extension schemas describe, by namespace."""
        container = self.properties.get(f"{{{NAMESPACES['pdfaExtension']}}}schemas")
        if not isinstance(container, Element):
            return {}
        schema, of_property = NAMESPACES["pdfaSchema"], NAMESPACES["pdfaProperty"]
        found: dict[str, set[str]] = {}
        for each in container.iter():
            namespace = _member(each, f"{{{schema}}}namespaceURI")
            if namespace:
                names = (_member(inner, f"{{{of_property}}}name") for inner in each.iter())
                found.setdefault(namespace, set()).update(name for name in names if name)
        return found


def xmp_of(root: Any) -> Xmp:
    """Reads the metadata of the catalog."""
    stream = root.get("/Metadata")
    if not isinstance(stream, Stream):
        return Xmp()
    try:
        data = stream.read_bytes()
        if _HAS_DOCTYPE.search(data):
            return Xmp(stream, error="it has a document type declaration")
        tree = ElementTree.fromstring(data)  # noqa: S314 - no entities without a document type
    except (ElementTree.ParseError, pikepdf.PdfError, ValueError, LookupError) as error:
        return Xmp(stream, error=f"it is not well-formed: {error}")
    header = _HEADER.search(data)
    descriptions = [
        each for rdf in tree.iter(f"{{{RDF}}}RDF") for each in rdf.findall(f"{{{RDF}}}Description")
    ]
    properties: dict[str, Element | str] = {}
    counts: Counter[str] = Counter()
    for description in descriptions:
        for name, text in description.attrib.items():
            if not name.startswith((f"{{{RDF}}}", "{http://www.w3.org/XML/")) and name.startswith("{"):
                properties.setdefault(name, text)
                counts[name] += 1
        for element in description:
            properties.setdefault(element.tag, element)
            counts[element.tag] += 1
    repeated = [name for name, count in counts.items() if count > 1]
    return Xmp(stream, header[0].decode("utf-8", "replace") if header else "", None, properties, repeated)


def _member(element: Element, name: str) -> str | None:
    """Returns a member of a structure, which is an element or an attribute."""
    text = element.attrib.get(name) or element.findtext(name)
    return text.strip() if text else None
