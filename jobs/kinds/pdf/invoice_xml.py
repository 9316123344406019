"""Checks the XML of an electronic invoice against its profile. Pure.

Only the root and the guideline are compared: whether the invoice is right is for a validator. The
XML comes from anybody: it may have no DTD, so there are no entities that grow, and all that is read
besides well-formedness stands at its beginning.
"""

from __future__ import annotations

import re
from xml.parsers import expat

from jobs.render.child.pdf.invoice_profiles import Profile

MAX_BYTES = 16 * 1024 * 1024
"""A tenth of a second of the web process. Invoices with pictures inside have a few megabytes."""
_ROOT = "CrossIndustryInvoice"
_NAMESPACE = "urn:un:unece:uncefact:data:standard:CrossIndustryInvoice:100"
_GUIDELINE = (
    _ROOT,
    "ExchangedDocumentContext",
    "GuidelineSpecifiedDocumentContextParameter",
    "ID",
)
"""The path of the element with the id of the guideline (BT-24)."""
_MAX_ELEMENTS_BEFORE = 100
"""Elements up to the guideline. There are about five."""
_MAX_ID_CHARACTERS = 300

_EN_16931 = "urn:cen.eu:en16931:2017"
_PROFILES: dict[str, Profile] = {
    "urn:factur-x.eu:1p0:minimum": "MINIMUM",
    "urn:factur-x.eu:1p0:basicwl": "BASIC WL",
    f"{_EN_16931}#compliant#urn:factur-x.eu:1p0:basic": "BASIC",
    _EN_16931: "EN 16931",
    f"{_EN_16931}#conformant#urn:factur-x.eu:1p0:extended": "EXTENDED",
}
_ZUGFERD_2 = re.compile(r"urn:zugferd\.de:2p[01]:")
"""The beginning of ids in ZUGFeRD 2.0 and 2.1, for `urn:factur-x.eu:1p0:`."""
_XRECHNUNG = re.compile(
    rf"{re.escape(_EN_16931)}#compliant#urn:(xeinkauf\.de|xoev-de):kosit:[a-z:]*xrechnung_\d.*"
)


class NoInvoice(ValueError):
    """The message says why, as the end of a sentence about the XML."""


def check(content: bytes, profile: Profile) -> None:
    """Raises NoInvoice if the XML is not well-formed, no invoice, or of another profile."""
    guideline = _guideline(content)
    named = profile_of(guideline)
    if named is None:
        raise NoInvoice(f"names the guideline {guideline!r}, which belongs to no profile of Factur-X")
    if named != profile:
        raise NoInvoice(f"names the guideline {guideline!r}, which is that of the profile {named}")


def profile_of(guideline: str) -> Profile | None:
    """Returns the profile that a guideline belongs to.

    A specification of one country or industry is compliant with EN 16931 if it only restricts it,
    and conformant, as EXTENDED is, if it adds something.
    """
    guideline = _ZUGFERD_2.sub("urn:factur-x.eu:1p0:", guideline)
    if guideline in _PROFILES:
        return _PROFILES[guideline]
    if _XRECHNUNG.fullmatch(guideline):
        return "XRECHNUNG"
    if guideline.startswith(f"{_EN_16931}#compliant#"):
        return "EN 16931"
    if guideline.startswith(f"{_EN_16931}#conformant#"):
        return "EXTENDED"
    return None


def _guideline(content: bytes) -> str:
    if len(content) > MAX_BYTES:
        raise NoInvoice(f"has more than {MAX_BYTES // 1024**2} MiB")
    reader = _Reader()
    try:
        reader.parser.Parse(content, True)
    except expat.ExpatError as error:
        reason = expat.errors.messages.get(error.code, "it cannot be read")
        raise NoInvoice(
            f"is not well-formed: {reason} (line {error.lineno}, column {error.offset})"
        ) from None
    except (LookupError, ValueError) as error:  # of an encoding that there is not
        if isinstance(error, NoInvoice):
            raise
        raise NoInvoice("is in an unknown encoding: use UTF-8") from None
    if not reader.guideline:
        raise NoInvoice("names no guideline")
    return reader.guideline


class _Reader:
    """Listens to a parser until the guideline has been read.

    The parser knows no namespaces: it would copy a namespace of a megabyte for each element.
    """

    def __init__(self) -> None:
        self.guideline = ""
        self._path: list[str] = []
        self._elements = 0
        self.parser = expat.ParserCreate()
        self.parser.buffer_text = True
        self.parser.StartDoctypeDeclHandler = self._doctype
        self.parser.StartElementHandler = self._start
        self.parser.EndElementHandler = self._end
        self.parser.CharacterDataHandler = self._text

    def _doctype(self, *_: object) -> None:
        raise NoInvoice("has a document type declaration, which is not allowed")

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        prefix, _, local = name.rpartition(":")
        self._elements += 1
        self._path.append(local)
        if len(self._path) == 1:
            namespace = attributes.get(f"xmlns:{prefix}" if prefix else "xmlns", "")
            if (local, namespace) != (_ROOT, _NAMESPACE):
                raise NoInvoice(
                    f"begins with {local[:50]} of the namespace {namespace[:100]!r}, and should begin with {_ROOT} "
                    f"of {_NAMESPACE!r}"
                )
        elif self._elements > _MAX_ELEMENTS_BEFORE:
            raise NoInvoice("names no guideline at its beginning")

    def _text(self, text: str) -> None:
        if tuple(self._path) == _GUIDELINE:
            self.guideline += text
            if len(self.guideline) > _MAX_ID_CHARACTERS:
                raise NoInvoice(f"names a guideline of more than {_MAX_ID_CHARACTERS} characters")

    def _end(self, _name: str) -> None:
        if tuple(self._path) == _GUIDELINE:
            self.guideline = self.guideline.strip()
            self.parser.StartElementHandler = self.parser.EndElementHandler = None
            self.parser.CharacterDataHandler = None
        self._path.pop()
