"""Renders documents with WeasyPrint in a render child, one after the other.

Importing this module imports WeasyPrint; only `jobs.render.child.serving` does.
"""

from __future__ import annotations

import gc
import os
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit
from warnings import simplefilter

import pydyf  # type: ignore[import-untyped]
import weasyprint
from PIL import Image
from weasyprint.css.counters import CounterStyle
from weasyprint.urls import FatalURLFetchingError

from jobs.render.child import corrections
from jobs.render.child.corrections.media_queries import medium_of
from jobs.render.child.html.css import browser_defaults, presentational_hints
from jobs.render.child.html.css.color_profiles import optional_color_profiles
from jobs.render.child.html.css.page_style import page_stylesheet
from jobs.render.child.html.css.sources import CssSources
from jobs.render.child.html.css.stylesheets import StylesheetCache
from jobs.render.child.html.css.used_rules import UsedRules
from jobs.render.child.html.diagnostics import Diagnostics
from jobs.render.child.html.explaining import explained
from jobs.render.child.html.fetcher import FILES_URL, Ask, DocumentFetcher, ask_nobody
from jobs.render.child.html.fonts import replaced as replaced_fonts
from jobs.render.child.html.fonts.configuration import Fonts
from jobs.render.child.html.fonts.replaced import UsedFonts
from jobs.render.child.html.fonts.uploaded import UploadedFonts
from jobs.render.child.html.headers.repeated import RepeatedHtml
from jobs.render.child.html.links import Links
from jobs.render.child.html.losses.report import Losses, checking
from jobs.render.child.html.losses.shrinking import Fitted, fit
from jobs.render.child.html.output import steps as output
from jobs.render.child.html.progress_log import Emit, ProgressLog
from jobs.render.child.html.source_document import SourceDocument, fetched_document
from jobs.render.child.html.template_filling import fill
from jobs.render.child.html.titles import title_of
from jobs.render.child.markdown import conversion as markdown
from jobs.render.child.markdown.front_matter import Warn
from jobs.render.child.pdf import form_fields
from jobs.render.child.pdf.attachments import attachments_of, linking, mark_as_invoice
from jobs.render.child.pdf.conformance.conforming import Conforming
from jobs.render.child.pdf.conformance.identification import engine_options, is_tagged
from jobs.render.child.pdf.finishing import finish
from jobs.render.child.pdf.tagging.tagging import Tagging
from jobs.render.child.pdf.target_size import of_target_size
from jobs.render.protocol.warning_codes import WarningCode

VERSION = f"WeasyPrint {weasyprint.VERSION}"

_MAX_IMAGE_PIXELS = 64_000_000
_WARM_UP = """<!DOCTYPE html><title>warm</title><style>
@page { @bottom-center { content: counter(page) } } b { font-family: sans-serif } code { font-family: monospace }
table { border-collapse: collapse } div { display: flex }</style>
<h1>Warm</h1><p>up <b>bold</b> <i>italic</i> <code>code</code><table><tr><th>a<td>1</table><ul><li>x</ul><div>y</div>
<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><rect width="9" height="9" fill="red"/></svg>
<img src="data:image/gif;base64,R0lGODdhAQABAIAAAP///wAAACwAAAAAAQABAAACAkQBADs=">
"""

_WEASYPRINT_OPTIONS = {
    "tagged": "pdf_tags",
    "forms": "pdf_forms",
    "image_quality": "jpeg_quality",
    "image_dpi": "dpi",
}


@dataclass(frozen=True, slots=True)
class RenderedDocument:
    pdf: bytes
    pages: int
    warnings: list[dict[str, Any]]
    warnings_omitted: Mapping[WarningCode, int]
    title: str | None
    conformance: list[dict[str, Any]]
    """What was checked of each standard that the PDF claims to follow."""


class Engine:
    """Renders one document after the other. Call `tidy_up` after each."""

    def __init__(self, ask: Ask) -> None:
        self.ask = ask
        """Gets assets from the worker."""
        self.fonts = Fonts()
        self._sources = CssSources()
        self._used_fonts = UsedFonts()
        self.stylesheets = StylesheetCache(self._sources)
        corrections.apply()
        Image.MAX_IMAGE_PIXELS = _MAX_IMAGE_PIXELS
        simplefilter("error", Image.DecompressionBombWarning)

    def warm_up(self) -> None:
        """Renders a first document, and hides all objects from the garbage collector."""
        self.render("html", _WARM_UP.encode(), {}, lambda step: None)
        self.tidy_up()
        gc.collect()
        gc.freeze()
        gc.disable()

    def render(
        self,
        format: str,
        document: bytes,
        options: Mapping[str, Any],
        emit: Emit,
        files: Mapping[str, bytes] | None = None,
        data: Mapping[str, Any] | None = None,
        index: str | None = None,
        uploaded_fonts: Sequence[Sequence[str]] = (),
    ) -> RenderedDocument:
        """Returns the PDF of `document`, which is text or, for the format ``url``, an address.

        `options` are validated. `files` are uploaded files by name, and `index` is the place of the
        document among them. `data` are the variables of a template. `uploaded_fonts` are the family
        names of each font that the worker can be asked for.

        Raises:
            JobError: it failed. The message is for the owner of the document.
        """
        fetcher = DocumentFetcher(self.ask, files, options.get("base_url"), index)
        diagnostics = Diagnostics(fetcher.problems, FILES_URL if fetcher.base_url else None)
        repeated = RepeatedHtml(options, self._sources, diagnostics)
        conforming = Conforming(options)
        losses = Losses(diagnostics.add)
        links = Links(public_base_url=options.get("base_url"), files_base_url=fetcher.base_url)
        try:
            with (
                diagnostics.collecting(),
                ProgressLog(emit).following(),
                self.stylesheets.in_use(),
                links.in_use(),
                self._sources.in_use(),
                form_fields.text_fonts(),
                self._used_fonts.in_use(),
                UploadedFonts(self.fonts, self.ask, uploaded_fonts).in_use(),
                losses.following(),
                optional_color_profiles(),
                repeated.in_use(),
            ):
                text = document.decode()
                if format == "url":
                    source = fetched_document(fetcher, text)
                elif format == "template":
                    source = SourceDocument(
                        format, fill(text, data or {}).encode("utf-8", "replace").decode()
                    )
                else:
                    source = SourceDocument(format, text)
                html = self._parse(source, options, fetcher, diagnostics.add)
                diagnostics.used_rules = UsedRules(html.wrapper_element)
                rendering, scale = self._fitted(html, source.format, options, diagnostics, repeated)
                scale *= options.get("zoom", 1)
                whole, rendering = rendering, output.prepared(rendering, options)
                losses.look_at_pages(
                    html.etree_element,
                    whole,
                    rendering,
                    scale=scale,
                    may_be_oversized="image_dpi" not in options,
                )
                if warning := links.finish(rendering, html):
                    diagnostics.add("relative_link", warning)
                for warning in self._replaced_fonts():
                    diagnostics.add("font_replaced", warning)
                conforming.describe(rendering, lambda: title_of(html, options))
                attachments = attachments_of(options, files or {})
                with_forms = options.get("forms", False)
                if with_forms:
                    form_fields.complete_choices(html.etree_element)
                    form_fields.drop_dead_buttons(rendering, all_buttons=conforming.draws_fields)

                tagging = Tagging(html.etree_element, is_on=is_tagged(options), zoom=scale)

                def finish_objects(document: weasyprint.Document, objects: pydyf.PDF) -> None:
                    if attachments:
                        linking(attachments)(document, objects)
                    if with_forms:
                        form_fields.complete_fields(objects)
                    output.complete(document, objects, options, scale)
                    tagging.complete(objects)
                    conforming.complete(objects)

                with tagging.in_use(rendering):
                    pdf = rendering.write_pdf(
                        zoom=scale,
                        attachments=attachments,
                        finisher=finish_objects,
                        **_engine_options(options),
                    )
                losses.look_at_fonts(rendering.fonts.values(), self.fonts)
                pages = len(rendering.pages)
                title = title_of(html, options)
                pdf = conforming.draw_fields(pdf, self.layout, diagnostics.add)
                pdf = of_target_size(
                    pdf, options, lambda written: finish(written, options, self.layout), diagnostics.add
                )
                conformance = conforming.check(pdf, tagging, diagnostics.add)
        except (Exception, FatalURLFetchingError) as error:
            raise explained(error) from error
        warnings, omitted = diagnostics.finish().listed()
        return RenderedDocument(
            pdf=pdf,
            pages=pages,
            warnings=warnings,
            warnings_omitted=omitted,
            title=title,
            conformance=conformance,
        )

    def _replaced_fonts(self) -> Iterator[str]:
        for stack in self._used_fonts.stacks:
            if used := self.fonts.replacement(stack):
                yield replaced_fonts.warning(stack, used)

    def layout(self, html: str) -> weasyprint.Document:
        """Lays out HTML that Pressrun itself has made; nothing is fetched."""
        document = weasyprint.HTML(string=html, url_fetcher=DocumentFetcher(ask_nobody))
        rendering: weasyprint.Document = document.render(font_config=self.fonts)
        return rendering

    def tidy_up(self) -> None:
        """Frees what a document has left. Call it when nothing refers to its objects any more."""
        gc.collect()
        self.fonts.tidy_up()
        if self.stylesheets.grew:
            # Kept stylesheets have no cycles. Scanning them after each document would cost more
            # than keeping them saves.
            gc.freeze()
            self.stylesheets.grew = False

    def _parse(
        self,
        source: SourceDocument,
        options: Mapping[str, Any],
        fetcher: DocumentFetcher,
        warn: Warn,
    ) -> weasyprint.HTML:
        text = source.text
        if source.format == "markdown":
            text = markdown.to_html(str(text), warn, lang=options.get("metadata", {}).get("lang"))
        own_base_url = fetcher.base_url if source.url is None else None
        html = weasyprint.HTML(
            string=text,
            encoding=source.encoding,
            base_url=own_base_url or options.get("base_url") or source.url,
            url_fetcher=fetcher,
            media_type=medium_of(options),
        )
        if browser_defaults.is_quirky(text):
            browser_defaults.mark_margins(html.etree_element)
        if _wants_hints(options):
            presentational_hints.prepare(html.etree_element)
        if html.base_url and not urlsplit(html.base_url).scheme:
            html.base_url = None  # a relative <base>, which WeasyPrint would take for a local path
        return html

    def _fitted(
        self,
        html: weasyprint.HTML,
        format: str,
        options: Mapping[str, Any],
        diagnostics: Diagnostics,
        repeated: RepeatedHtml,
    ) -> Fitted:
        """Lays the document out, at the scale at which it is drawn."""
        images: dict[str, Any] = {}
        first = self._lay_out(html, format, options, images, repeated)
        if options.get("shrink_to_fit"):
            with diagnostics.silent(), checking(diagnostics.add):
                return fit(first, html, lambda: self._lay_out(html, format, options, images, repeated))
        return Fitted(first, 1)

    def _lay_out(
        self,
        html: weasyprint.HTML,
        format: str,
        options: Mapping[str, Any],
        images: dict[str, Any],
        repeated: RepeatedHtml,
    ) -> weasyprint.Document:
        """Lays the document out. `images` keeps those that have been fetched, by URL."""
        counter_style, color_profiles = CounterStyle(), {}  # type: ignore[var-annotated]
        stylesheets = [
            self.stylesheets.css(
                source=source,
                string=text,
                base_url=html.base_url,
                url_fetcher=html.url_fetcher,
                media_type=html.media_type,
                font_config=self.fonts,
                counter_style=counter_style,
                color_profiles=color_profiles,
            )
            for source, text in _stylesheets(format, options)
        ]
        arguments = {
            "font_config": self.fonts,
            "counter_style": counter_style,
            "color_profiles": color_profiles,
            "stylesheets": stylesheets,
            "presentational_hints": _wants_hints(options),
            "cache": images,
            **_engine_options(options),
        }
        repeated.prepare(html, arguments)
        self._sources.of_document(html.etree_element)
        rendering: weasyprint.Document = html.render(**arguments)
        repeated.place(rendering)
        for name, value in options.get("metadata", {}).items():
            setattr(rendering.metadata, name, value)
        if "invoice" in options:
            mark_as_invoice(rendering.metadata, options["invoice"]["file"], options["invoice"]["profile"])
        return rendering


def use_scratch(path: str) -> None:
    """Makes Python and the C libraries put temporary files into `path`."""
    tempfile.tempdir = path
    os.environ["TMPDIR"] = path


def _stylesheets(format: str, options: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yields CSS texts for a document, with their names; later ones win over earlier ones."""
    yield "the stylesheet of defaults", browser_defaults.stylesheet()
    if _wants_hints(options):
        yield "the stylesheet for attributes of HTML", presentational_hints.stylesheet()
    if format == "markdown":
        yield "the stylesheet for Markdown", markdown.stylesheet()
    for number, text in enumerate(options.get("stylesheets", ())):
        yield f"stylesheets[{number}]", text
    if page := page_stylesheet(options):
        yield "the options for pages", page


def _wants_hints(options: Mapping[str, Any]) -> bool:
    return bool(options.get("presentational_hints", True))


def _engine_options(options: Mapping[str, Any]) -> dict[str, Any]:
    chosen = {theirs: options[ours] for ours, theirs in _WEASYPRINT_OPTIONS.items() if ours in options}
    return {**chosen, **(engine_options(options["pdf_variant"]) if "pdf_variant" in options else {})}
