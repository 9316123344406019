"""`pdf.merge`: what is kept of parts besides their pages, and what is told when it is not."""

from __future__ import annotations

import base64
import io
from typing import Any

import pikepdf
import pytest
from pikepdf import Array, Dictionary, Name, NumberTree, OutlineItem, Stream, String

from jobs.render.parent.pool import RenderOutcome, RenderPool, RenderRequest
from jobs.render.protocol.messages import MergePart, MergeRequest
from testsupport import pdfs

pytestmark = pytest.mark.asyncio(loop_scope="module")


def opened(pdf: bytes) -> pikepdf.Pdf:
    return pikepdf.open(io.BytesIO(pdf))


def with_root(pdf: bytes, version: str = "", **members: Any) -> bytes:
    """The PDF with more members in its catalog."""
    with opened(pdf) as document:
        for name, value in members.items():
            document.Root[f"/{name}"] = value
        return pdfs.saved(document, min_version=version)


def with_attachments(**contents: bytes) -> bytes:
    with opened(pdfs.pages("x")) as document:
        for name, content in contents.items():
            document.attachments[f"{name}.txt"] = pikepdf.AttachedFileSpec(
                document, content, description="About", filename=f"{name}.txt", relationship=Name.Data
            )
        return pdfs.saved(document)


def with_layers() -> bytes:
    """A page with a visible and a hidden layer."""
    with opened(pdfs.pages("x")) as document:
        shown, hidden = (
            document.make_indirect(Dictionary(Type=Name.OCG, Name=name)) for name in ("shown", "hidden")
        )
        document.pages[0].Resources.Properties = Dictionary(a=shown, b=hidden)
        document.Root.OCProperties = Dictionary(
            OCGs=Array([shown, hidden]), D=Dictionary(BaseState=Name.OFF, ON=Array([shown]))
        )
        return pdfs.saved(document)


async def merged(pool: RenderPool, *parts: bytes, pages: str | None = None, **options: Any) -> RenderOutcome:
    request = MergeRequest(
        parts=[MergePart(pdf=pdf, title=f"t{at}", pages=pages) for at, pdf in enumerate(parts, 1)],
        options=options,
    )
    return await pool.render(request, tenant="acme", timeout_ms=20_000, report=lambda progress: None)


async def rendered(pool: RenderPool, **options: Any) -> bytes:
    request = RenderRequest(format="html", document="<html lang=en><title>x</title><p>x", options=options)
    return (await pool.render(request, tenant="acme", timeout_ms=20_000, report=lambda progress: None)).body


def warnings_of(outcome: RenderOutcome) -> dict[str, str]:
    found = outcome.details["warnings"]
    assert len({warning["code"] for warning in found}) == len(found)
    return {warning["code"]: warning["message"] for warning in found}


async def test_the_highest_version_is_kept_also_when_the_pdf_is_finished(pool: RenderPool) -> None:
    old, new = with_root(pdfs.pages("x"), "1.4"), with_root(pdfs.pages("x"), "1.7")
    named = with_root(pdfs.pages("x"), "1.4", Version=Name("/2.0"))
    for parts, options, version in [
        ((old, old), {}, b"%PDF-1.4"),
        ((old, new, old), {}, b"%PDF-1.7"),
        ((new, named), {}, b"%PDF-2.0"),
        ((new, old), {"watermark": {"text": "x"}, "linearize": True}, b"%PDF-1.7"),
    ]:
        outcome = await merged(pool, *parts, **options)
        assert outcome.body.startswith(version)
        assert warnings_of(outcome) == {}


async def test_attachments_are_kept_with_all_that_is_said_about_them(pool: RenderPool) -> None:
    outcome = await merged(pool, with_attachments(a=b"1", b=b"2"), pdfs.pages("y"), with_attachments(c=b"3"))
    assert warnings_of(outcome) == {}
    with opened(outcome.body) as document:
        found = {name: spec.get_file().read_bytes() for name, spec in document.attachments.items()}
        assert found == {"a.txt": b"1", "b.txt": b"2", "c.txt": b"3"}
        assert [str(spec.AFRelationship) for spec in document.Root.AF] == ["/Data"] * 3
        assert document.attachments["a.txt"].description == "About"
        assert document.check_pdf_syntax() == []


async def test_attachments_of_one_name_are_renamed_and_the_same_file_comes_once(pool: RenderPool) -> None:
    first, other = with_attachments(a=b"1"), with_attachments(a=b"2")
    outcome = await merged(pool, first, first, other)
    assert warnings_of(outcome) == {"attachments_renamed": "Attachments have new names: a.txt is a (2).txt."}
    with opened(outcome.body) as document:
        found = {name: spec.get_file().read_bytes() for name, spec in document.attachments.items()}
    assert found == {"a.txt": b"1", "a (2).txt": b"2"}


async def test_attachments_that_cannot_be_read_are_told(pool: RenderPool) -> None:
    broken = Dictionary(EmbeddedFiles=Dictionary(Names=Array([String("a"), Dictionary(EF=Dictionary())])))
    outcome = await merged(pool, with_root(pdfs.pages("x"), Names=broken))
    assert warnings_of(outcome) == {
        "part_incomplete": "The attachments of Part 1 (t1) cannot be read, and are left out."
    }


async def test_page_labels_that_make_no_sense_are_numbers(pool: RenderPool) -> None:
    outcome = await merged(pool, with_root(pdfs.pages("x"), PageLabels=String("x")))
    with opened(outcome.body) as document:
        assert [page.label for page in document.pages] == ["1"]


async def test_hidden_layers_stay_hidden(pool: RenderPool) -> None:
    outcome = await merged(pool, with_layers(), pdfs.pages("y"), with_layers())
    assert warnings_of(outcome) == {}
    with opened(outcome.body) as document:
        layers = document.Root.OCProperties
        assert [str(group.Name) for group in layers.OCGs] == ["shown", "hidden"] * 2
        assert [str(group.Name) for group in layers.D.OFF] == ["hidden"] * 2
        used = document.pages[2].Resources.Properties.b
        assert used.objgen in {group.objgen for group in layers.D.OFF}


async def test_page_labels_are_kept_and_other_pages_are_counted(pool: RenderPool) -> None:
    with opened(pdfs.pages("a", "b")) as document:
        tree = NumberTree.new(document)
        tree[0] = Dictionary(S=Name.r)
        document.Root.PageLabels = tree.obj
        roman = pdfs.saved(document)
    outcome = await merged(pool, pdfs.pages("x"), roman, pdfs.pages("y", "z"), pages="1-")
    with opened(outcome.body) as document:
        assert [page.label for page in document.pages] == ["1", "i", "ii", "4", "5"]


async def test_the_language_is_kept_if_all_parts_have_it(pool: RenderPool) -> None:
    german, french = (with_root(pdfs.pages("x"), Lang=String(lang)) for lang in ("de", "fr"))
    for parts, options, lang in [
        ((german, german), {}, "de"),
        ((german, french), {}, None),
        ((german, pdfs.pages("x")), {}, None),
        ((german,), {"metadata": {"lang": "it"}}, "it"),
    ]:
        with opened((await merged(pool, *parts, **options)).body) as document:
            assert document.Root.get("/Lang") == lang


async def test_standards_tags_and_signatures_that_are_lost_are_told_for_all_parts_at_once(
    pool: RenderPool,
) -> None:
    invoice = await rendered(
        pool,
        pdf_variant="pdf/a-3b",
        invoice={"profile": "EN 16931", "file": "factur-x.xml"},
        attachments=[{"name": "factur-x.xml", "data": base64.b64encode(b"<x/>").decode()}],
    )
    accessible = await rendered(pool, pdf_variant="pdf/ua-1")
    signed = with_root(pdfs.pages("x"), AcroForm=Dictionary(Fields=Array(), SigFlags=3))
    outcome = await merged(pool, invoice, pdfs.pages("plain"), accessible, signed)
    assert warnings_of(outcome) == {
        "conformance_lost": "The merged PDF does not say that it conforms to a standard, unlike these parts: "
        "Part 1 (t1): PDF/A-3B, electronic invoice (EN 16931); Part 3 (t3): PDF/UA-1.",
        "tags_lost": "The merged PDF has no tags for accessibility, unlike these parts: Part 3 (t3).",
        "signature_lost": "The merged PDF has no valid signature, unlike these parts: Part 4 (t4).",
    }
    with opened(outcome.body) as document:
        assert list(document.attachments) == ["factur-x.xml"]


async def test_many_parts_are_not_all_listed(pool: RenderPool) -> None:
    tagged = with_root(pdfs.pages("x"), StructTreeRoot=Dictionary())
    message = warnings_of(await merged(pool, *[tagged] * 8))["tags_lost"]
    assert message.endswith("Part 5 (t5); and 3 more.")


async def test_metadata_that_unpacks_to_gigabytes_is_not_unpacked(pool: RenderPool) -> None:
    with opened(pdfs.pages("x")) as document:
        bomb = Stream(document, b"")
        bomb.write(pdfs.deflated(1024 * pdfs.MIB), filter=Name.FlateDecode)
        document.Root.Metadata = bomb
        document.Root.Names = Dictionary(JavaScript=Dictionary())
        part = pdfs.saved(document)
    outcome = await merged(pool, part)
    assert set(warnings_of(outcome)) == {"scripts_lost"}
    assert outcome.details["peak_memory_bytes"] < 400 * pdfs.MIB


async def test_bookmarks_still_lead_to_their_pages(pool: RenderPool) -> None:
    with opened(with_attachments(a=b"1")) as document:
        with document.open_outline() as outline:
            outline.root.append(OutlineItem("here", 0))
        part = pdfs.saved(document)
    with opened((await merged(pool, part)).body) as document:
        assert [item.title for item in document.open_outline().root] == ["here"]
