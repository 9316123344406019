"""What Factur-X (1.09, the same as ZUGFeRD 2.5) prescribes for each profile. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, get_args

Profile = Literal["MINIMUM", "BASIC WL", "BASIC", "EN 16931", "EXTENDED", "XRECHNUNG"]
FileName = Literal["factur-x.xml", "xrechnung.xml", "zugferd-invoice.xml"]
Relationship = Literal["source", "data", "alternative", "supplement", "unspecified"]

RELATIONSHIPS: Mapping[Profile, tuple[Relationship, ...]] = {
    "MINIMUM": ("data",),
    "BASIC WL": ("data",),
    "BASIC": ("alternative", "source", "data"),
    "EN 16931": ("alternative", "source", "data"),
    "EXTENDED": ("alternative", "source", "data"),
    "XRECHNUNG": ("alternative",),
}
"""What the XML may be to the PDF, the default first (section 6.2.2).

Germany wants `alternative` wherever it is listed, and France allows all three.
"""

FILE_NAMES: Mapping[Profile, tuple[FileName, ...]] = {
    profile: ("xrechnung.xml",) if profile == "XRECHNUNG" else ("factur-x.xml", "zugferd-invoice.xml")
    for profile in get_args(Profile)
}
"""Names that the XML may have, the default first (section 6.2)."""
