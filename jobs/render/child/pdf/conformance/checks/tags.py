"""The tags: that there are some, that all content has one, and that they are nested as they may."""

from __future__ import annotations

from collections.abc import Iterator

from pikepdf import Array, Dictionary

from jobs.render.child.pdf.conformance.check import Check, Problem, check
from jobs.render.child.pdf.conformance.file import CheckedFile
from jobs.render.child.pdf.conformance.objects import identity, items, member, name, tree_items
from jobs.render.child.pdf.conformance.structure import (
    PDF_2,
    STANDARD_TYPES,
    STANDARD_TYPES_2,
    Structure,
    Tag,
)
from jobs.render.child.pdf.conformance.variants import Variant

_LEVEL_A = frozenset({"a"})
_HEADINGS = {f"H{level}": level for level in range(1, 7)}
_KIDS = {
    "Table": {"TR", "THead", "TBody", "TFoot", "Caption"},
    "THead": {"TR"},
    "TBody": {"TR"},
    "TFoot": {"TR"},
    "TR": {"TH", "TD"},
    "L": {"L", "LI", "Caption"},
    "LI": {"Lbl", "LBody"},
    "TOC": {"TOC", "TOCI", "Caption"},
}
"""What may be directly in these elements (ISO 32000-1, 14.8.4.3)."""
_PARENTS = {
    "TR": {"Table", "THead", "TBody", "TFoot"},
    "THead": {"Table"},
    "TBody": {"Table"},
    "TFoot": {"Table"},
    "TH": {"TR"},
    "TD": {"TR"},
    "LI": {"L"},
    "LBody": {"LI"},
    "TOCI": {"TOC"},
}


@check(
    {
        "PDF/A-1": "6.8.2.2",
        "PDF/A-2": "6.7.2.2",
        "PDF/A-3": "6.7.2.2",
        "PDF/UA-1": "6.2",
        "PDF/UA-2": "6.2",
    },
    levels=_LEVEL_A,
)
def marked(file: CheckedFile, _: Variant) -> Iterator[Problem]:
    """The file says that it is tagged: Matterhorn 06-001."""
    if member(file.root, "/MarkInfo", "/Marked") is not True:
        yield Problem("the file does not say that it is tagged (MarkInfo)")


@check(
    {
        "PDF/A-1": "6.8.3.3",
        "PDF/A-2": "6.7.3.3",
        "PDF/A-3": "6.7.3.3",
        "PDF/UA-1": "7.1",
        "PDF/UA-2": "8.2.1",
    },
    levels=_LEVEL_A,
)
def structure_tree(file: CheckedFile, variant: Variant) -> Iterator[Problem]:
    """The file has a tree of tags. In PDF/UA, each tag names its parent: Matterhorn 09-001."""
    structure = file.structure
    if structure.root is None:
        yield Problem("the file has no tags")
        return
    if variant.is_archive:
        return
    for tag in structure.tags:
        expected = tag.parent.element if tag.parent else structure.root
        parent = tag.element.get("/P")
        if not isinstance(parent, Dictionary):
            yield Problem("a tag does not name its parent", *tag.place)
        elif tag.parent and identity(parent) != identity(expected):
            yield Problem("a tag names another parent than the one that has it", *tag.place)


@check(
    {
        "PDF/A-1": "6.8.3.4",
        "PDF/A-2": "6.7.3.4",
        "PDF/A-3": "6.7.3.4",
        "PDF/UA-1": "7.1",
        "PDF/UA-2": "8.2.4",
    },
    levels=_LEVEL_A,
)
def tag_types(file: CheckedFile, variant: Variant) -> Iterator[Problem]:
    """Tags are of standard types, or mapped to one; no standard type is mapped: Matterhorn 02."""
    known = STANDARD_TYPES_2 if variant.standard == "PDF/UA-2" else STANDARD_TYPES
    structure = file.structure
    for tag in structure.tags:
        if tag.type not in known and "/NS" not in tag.element and not _is_heading_2(tag, variant):
            yield Problem(f"the type of a tag, {tag.type[:30]}, is unknown", *tag.place)
    used = {name(tag.element.get("/S")) for tag in structure.tags}
    for source, target in structure.roles.items():
        if source in STANDARD_TYPES and variant.standard not in ("PDF/A-1", "PDF/UA-2") and source in used:
            yield Problem(f"the standard type {source} is mapped to {target[:30]}")
        if source in used and _is_circular(source, structure):
            yield Problem(f"the type {source[:30]} is mapped to itself")


@check({"PDF/UA-1": "7.1"})
def not_suspect(file: CheckedFile, _: Variant) -> Iterator[Problem]:
    """The file does not say that its tags may be wrong: Matterhorn 08-002."""
    if member(file.root, "/MarkInfo", "/Suspects") is True:
        yield Problem("the file says that its tags may be wrong (Suspects)")


@check({"PDF/UA-1": "7.1", "PDF/UA-2": "8.2.2"})
def all_content(file: CheckedFile, _: Variant) -> Iterator[Problem]:
    """All content has a tag or is an artifact, and never both: Matterhorn 01-003 to 01-005."""
    known: dict[object, set[int]] = {}
    """The MCIDs of tags, by page or stream."""
    for tag in file.structure.tags:
        for place, mcid in (*tag.mcids, *tag.stream_mcids):
            known.setdefault(place, set()).add(mcid)
    for content in file.contents.streams:
        if content.unmarked:
            yield Problem(f"something is neither tagged nor an artifact ({content.unmarked})", content.page)
        if content.artifact_in_real:
            yield Problem("an artifact is inside of tagged content", content.page)
        if content.real_in_artifact:
            yield Problem("tagged content is inside of an artifact", content.page)
        if lost := set(content.mcids) - known.get(content.place, set()):
            yield Problem(f"{len(lost)} pieces of content belong to no tag", content.page)


@check({"PDF/UA-1": "7.20"})
def tagged_once(file: CheckedFile, _: Variant) -> Iterator[Problem]:
    """A form XObject with tagged content is drawn once: Matterhorn 30-002."""
    for content in file.contents.streams:
        if content.mcids and file.contents.forms_used.get(identity(content.stream), 0) > 1:
            yield Problem("tagged content is drawn more than once", content.page)


@check({"PDF/UA-1": "7.2"})
def nesting(file: CheckedFile, _: Variant) -> Iterator[Problem]:
    """Tables, lists and tables of contents have the parts that they may have: Matterhorn 09-004."""
    for tag in file.structure.tags:
        kids = [kid.type for kid in tag.children]
        allowed = _KIDS.get(tag.type)
        if allowed is not None and not allowed.issuperset(kids):
            wrong = sorted(set(kids) - allowed)
            yield Problem(f"<{tag.type}> has {', '.join(wrong)} in it", *tag.place)
        parents = _PARENTS.get(tag.type)
        if parents is not None and (tag.parent is None or tag.parent.type not in parents):
            yield Problem(f"<{tag.type}> is not in {' or '.join(sorted(parents))}", *tag.place)
        if tag.type == "Table":
            yield from _table_parts(tag, kids)
        if tag.type in ("L", "TOC") and "Caption" in kids[1:]:
            yield Problem(f"the caption of <{tag.type}> is not its first part", *tag.place)


@check({"PDF/UA-1": "7.4.2"})
def headings(file: CheckedFile, _: Variant) -> Iterator[Problem]:
    """Headings begin with the first level and leave none out: Matterhorn 14-002, 14-003."""
    last = 0
    for tag in file.structure.of_type(*_HEADINGS):
        level = _HEADINGS[tag.type]
        if level > last + 1:
            before = f"follows H{last}" if last else "is the first heading"
            yield Problem(f"H{level} {before}: headings leave no level out", *tag.place)
        last = level


@check({"PDF/UA-1": "7.4.4", "PDF/UA-2": "8.2.5.12"})
def numbered_headings(file: CheckedFile, variant: Variant) -> Iterator[Problem]:
    """Headings have a level or none, but not both; in PDF/UA-2, all have one.

    Matterhorn 14-006, 14-007.
    """
    plain = list(file.structure.of_type("H"))
    if variant.standard == "PDF/UA-2":
        for tag in plain:
            yield Problem("a heading has no level (H)", *tag.place)
    elif plain and any(file.structure.of_type(*_HEADINGS)):
        yield Problem("some headings have a level, and some have none", *plain[0].place)
    else:
        for tag in file.structure.tags:
            if sum(kid.type == "H" for kid in tag.children) > 1:
                yield Problem("a tag has two headings without a level", *tag.place)


@check({"PDF/UA-2": "8.2.5.25"})
def numbered_lists(file: CheckedFile, _: Variant) -> Iterator[Problem]:
    """A list with labels says of which kind they are; content of items is in a label or body."""
    for tag in file.structure.of_type("L"):
        has_labels = any(part.type == "Lbl" for item in tag.children for part in item.children)
        if has_labels and name(tag.attribute("/ListNumbering")) in ("", "None"):
            yield Problem("a list has labels and does not say of which kind (ListNumbering)", *tag.place)
    for tag in file.structure.of_type("LI"):
        if tag.has_content:
            yield Problem("content of a list item is not in a label or body", *tag.place)


@check({"PDF/UA-1": "7.9", "PDF/UA-2": "8.2.5.14"})
def notes(file: CheckedFile, variant: Variant) -> Iterator[Problem]:
    """Notes have an ID, each another one; PDF/UA-2 has no `Note`: Matterhorn 19-003, 19-004."""
    seen: set[bytes] = set()
    for tag in file.structure.of_type("Note"):
        value = tag.element.get("/ID")
        if variant.standard == "PDF/UA-2":
            yield Problem("a note is tagged as Note instead of FENote", *tag.place)
        elif value is None or not bytes(value):
            yield Problem("a note has no ID", *tag.place)
        elif bytes(value) in seen:
            yield Problem("two notes have the same ID", *tag.place)
        else:
            seen.add(bytes(value))


@check({"PDF/UA-2": "8.2.5.2"})
def one_document(file: CheckedFile, _: Variant) -> Iterator[Problem]:
    """The root has one `Document` of PDF 2.0, and nothing else."""
    first = [tag for tag in file.structure.tags if tag.parent is None]
    if [tag.type for tag in first] != ["Document"]:
        yield Problem("the root of the tags has not one Document in it, and nothing else")
    elif str(member(first[0].element, "/NS", "/NS")) != PDF_2:
        yield Problem("the Document tag is not of the namespace of PDF 2.0")


@check({"PDF/UA-2": "8.8"})
def structure_destinations(file: CheckedFile, _: Variant) -> Iterator[Problem]:
    """Links and bookmarks within the document lead to tags instead of places on pages."""
    root = file.root
    named = {
        **{str(key): value for key, value in _old_names(root)},
        **{str(key): value for key, value in tree_items(member(root, "/Names", "/Dests"), "/Names")},
    }
    opening = root.get("/OpenAction")
    sources = [(opening, "the place at which the file is opened")] if opening is not None else []
    for each in file.dictionaries:
        target = each.get("/Dest", each.get("/A"))
        if target is not None and "/Title" in each and "/Parent" in each and "/S" not in each:
            sources.append((target, "a bookmark"))
        elif target is not None and name(each.get("/Subtype")) == "Link":
            sources.append((target, "a link"))
    for target, kind in sources:
        action = name(member(target, "/S"))
        if action == "GoTo":
            target = member(target, "/SD") if member(target, "/SD") is not None else member(target, "/D")
        elif action:
            continue
        if not _is_structure_destination(target, named):
            yield Problem(f"{kind} is a place on a page instead of a tag")


def _old_names(root: object) -> list[tuple[str, object]]:
    dests = member(root, "/Dests")
    return list(dests.as_dict().items()) if isinstance(dests, Dictionary) else []


def _is_structure_destination(target: object, named: dict[str, object]) -> bool:
    if not isinstance(target, Array):
        target = named.get(str(target), target)
    if isinstance(target, Dictionary):
        target = target.get("/SD", target.get("/D"))
    first = items(target)[0] if items(target) else None
    return member(first, "/S") is not None and member(first, "/Type") != "/Page"


def _table_parts(tag: Tag, kids: list[str]) -> Iterator[Problem]:
    if kids.count("THead") > 1 or kids.count("TFoot") > 1 or kids.count("Caption") > 1:
        yield Problem("a table has two heads, feet or captions", *tag.place)
    if ("THead" in kids or "TFoot" in kids) and "TBody" not in kids:
        yield Problem("a table has a head or a foot and no body", *tag.place)
    if "Caption" in kids[1:-1]:
        yield Problem("the caption of a table is neither its first nor its last part", *tag.place)


def _is_heading_2(tag: Tag, variant: Variant) -> bool:
    return variant.standard == "PDF/UA-2" and tag.type[:1] == "H" and tag.type[1:].isdecimal()


def _is_circular(type: str, structure: Structure) -> bool:
    seen = set()
    while type in structure.roles and type not in seen:
        seen.add(type)
        type = structure.roles[type]
    return type in seen


CHECKS: tuple[Check, ...] = (
    marked,
    structure_tree,
    tag_types,
    not_suspect,
    all_content,
    tagged_once,
    nesting,
    headings,
    numbered_headings,
    numbered_lists,
    notes,
    one_document,
    structure_destinations,
)
