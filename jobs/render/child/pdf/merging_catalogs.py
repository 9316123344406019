"""Carries what stands in the catalogs of PDFs into the merged one.

Attachments, layers, page labels and the language: they belong to no page.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath

import pikepdf
from pikepdf import Array, Dictionary, Name, NameTree, NumberTree, String

_LISTS_OF_LAYERS = (Name.OFF, Name.Locked)


@dataclass(slots=True)
class Attachments:
    """The attachments of a merged PDF."""

    document: pikepdf.Pdf
    renamed: dict[str, str] = field(default_factory=dict)
    """Names of attachments that two parts had → new names."""
    _digests: dict[str, bytes] = field(default_factory=dict)
    """By name."""

    def add(self, source: pikepdf.Pdf) -> None:
        """Adds those of a part. What the document has already, under the same name, comes once."""
        for name, specification in _attached(source):
            content = specification.EF.get(Name.UF) or specification.EF.F
            digest = hashlib.sha256(content.read_raw_bytes()).digest()
            if self._digests.get(name) == digest:
                continue
            new_name = self._free(name)
            if new_name != name:
                self.renamed[name] = new_name
            self._digests[new_name] = digest
            self._write(new_name, specification, self.document.copy_foreign(content))

    def _free(self, name: str) -> str:
        path, number, candidate = PurePosixPath(name), 1, name
        while candidate in self._digests:
            number += 1
            candidate = f"{path.stem} ({number}){path.suffix}"
        return candidate

    def _write(self, name: str, specification: pikepdf.Object, content: pikepdf.Object) -> None:
        copy = Dictionary(
            Type=Name.Filespec,
            F=String(name),
            UF=String(name),
            EF=Dictionary(F=content, UF=content),
            AFRelationship=_relationship(specification),
        )
        if isinstance(specification.get(Name.Desc), String):
            copy.Desc = String(str(specification.Desc))
        root, copied = self.document.Root, self.document.make_indirect(copy)
        if Name.Names not in root:
            root.Names = Dictionary()
        if Name.EmbeddedFiles not in root.Names:
            root.Names.EmbeddedFiles = NameTree.new(self.document).obj
        NameTree(root.Names.EmbeddedFiles)[name] = copied
        if Name.AF not in root:
            root.AF = Array()
        root.AF.append(copied)


def _attached(source: pikepdf.Pdf) -> Iterator[tuple[str, pikepdf.Object]]:
    """Yields names and file specifications with a file in them."""
    root = source.Root
    names = root.get(Name.Names)
    tree = names.get(Name.EmbeddedFiles) if isinstance(names, Dictionary) else None
    listed = list(NameTree(tree).items()) if isinstance(tree, Dictionary) else []
    associated = root.get(Name.AF)
    known = {specification.objgen for _, specification in listed}
    if isinstance(associated, Array):
        listed += [("attachment", each) for each in associated if each.objgen not in known]
    for key, specification in listed:
        if isinstance(specification, Dictionary) and isinstance(specification.get(Name.EF), Dictionary):
            shown = specification.get(Name.UF) or specification.get(Name.F)
            yield str(shown if isinstance(shown, String) else key), specification


def _relationship(specification: pikepdf.Object) -> Name:
    relationship = specification.get(Name.AFRelationship)
    return relationship if isinstance(relationship, Name) else Name.Unspecified


# --- layers -------------------------------------------------------------------------------------


def add_layers(document: pikepdf.Pdf, source: pikepdf.Pdf) -> None:
    """Lets hidden layers of a part stay hidden.

    Call it after the pages were copied: they already refer to the layers.
    """
    properties = source.Root.get(Name.OCProperties)
    if not isinstance(properties, Dictionary):
        return
    groups = _groups(properties.get(Name.OCGs))
    settings = properties.get(Name.D)
    settings = settings if isinstance(settings, Dictionary) else Dictionary()
    lists = {name: _groups(settings.get(name)) for name in _LISTS_OF_LAYERS}
    if settings.get(Name.BaseState) == Name.OFF:
        shown = {group.objgen for group in _groups(settings.get(Name.ON))}
        lists[Name.OFF] = [group for group in groups if group.objgen not in shown]
    if Name.OCProperties not in document.Root:
        default = Dictionary(Order=Array(), OFF=Array(), Locked=Array())
        document.Root.OCProperties = Dictionary(OCGs=Array(), D=default)
    ours = document.Root.OCProperties
    for theirs, list_ in (
        (groups, ours.OCGs),
        (groups, ours.D.Order),
        *((lists[name], ours.D[name]) for name in _LISTS_OF_LAYERS),
    ):
        present = {group.objgen for group in list_}
        for group in theirs:
            copied = document.copy_foreign(group)
            if copied.objgen not in present:
                list_.append(copied)


def _groups(value: object) -> list[pikepdf.Object]:
    """Returns the optional content groups of an array, each of which is an indirect dictionary."""
    if not isinstance(value, Array):
        return []
    return [each for each in value if isinstance(each, Dictionary) and each.is_indirect]


# --- page labels and language -------------------------------------------------------------------


def has_labels(source: pikepdf.Pdf) -> bool:
    return Name.PageLabels in source.Root


def set_labels(document: pikepdf.Pdf, labels: Sequence[str | None]) -> None:
    """Sets the label of each page; None for its number."""
    tree = NumberTree.new(document)
    for at, label in enumerate(labels):
        if label is not None:
            tree[at] = Dictionary(P=String(label))
        elif not at or labels[at - 1] is not None:
            tree[at] = Dictionary(S=Name.D, St=at + 1)
    document.Root.PageLabels = tree.obj


def common_language(sources: Iterable[pikepdf.Pdf]) -> str | None:
    """Returns the language if all PDFs have the same."""
    languages = {str(source.Root.get(Name.Lang, "")) for source in sources}
    return languages.pop() or None if len(languages) == 1 else None


# --- version ------------------------------------------------------------------------------------


def highest_version(sources: Iterable[pikepdf.Pdf]) -> tuple[str, int]:
    """Returns the highest version of PDF, and the Adobe extension level, of all PDFs."""
    found = [(_version(source), source.extension_level) for source in sources]
    return max(found)


_VERSIONS = ("1.3", "1.4", "1.5", "1.6", "1.7", "2.0")


def _version(source: pikepdf.Pdf) -> str:
    """Returns the version in the catalog if it is higher than that in the header."""
    said = str(source.Root.get(Name.Version, "")).removeprefix("/")
    return max(version if version in _VERSIONS else _VERSIONS[0] for version in (source.pdf_version, said))
