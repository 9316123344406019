"""The kind `pdf.render`: renders HTML, Markdown, a URL or a template with its data to PDF."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from jobs.core.errors.job import StrictWarnings, TemplateError
from jobs.core.errors.request import InvalidInput, TemplateNotFound
from jobs.core.job import Result
from jobs.kinds import Run, Runner, Schemas
from jobs.kinds.lookups import Lookups
from jobs.kinds.pdf import fetch_credentials
from jobs.kinds.pdf.options import PdfInput, PdfOptions
from jobs.kinds.titles import file_name, with_title
from jobs.kinds.validation import canonical, problem
from jobs.render.protocol.messages import OfferedFont, RenderRequest
from jobs.render.protocol.warning_codes import SEVERITIES, SEVERITY, Severity, WarningCode
from jobs.render.version import renderer_version

if TYPE_CHECKING:
    from jobs.render.parent.pool import RenderPool

DEFAULT_FILENAME = "document.pdf"

_MAX_STRICT_WARNINGS_SHOWN = 10
_OPTIONS_NOT_IN_THE_PDF = frozenset({"filename", "strict", "cache"})
_WARNINGS_ABOUT_THE_MACHINE = frozenset({"font_subsetting_slow"})
"""`strict` ignores these unless it names them, because it is about the document."""


class PdfRender:
    """Implements `jobs.kinds.Pinning`."""

    name = "pdf.render"

    def schemas(self) -> Schemas:
        return Schemas(PdfInput, PdfOptions)

    def canonical(self, input: Any, options: Any, files: Mapping[str, bytes] | None = None) -> dict[str, Any]:
        credentials: dict[str, dict[str, str]] = {}

        def extra_errors(input: PdfInput | None, options: PdfOptions | None) -> list[dict[str, str]]:
            if options is None:
                return []
            found = options.contradictions(files or {})
            if input is not None and options.fetch:
                wrong = fetch_credentials.contradictions(options.fetch, input.url)
                found += [problem("/options/fetch", message) for message in wrong]
                credentials.update(fetch_credentials.by_origin(options.fetch, input.url))
            return found

        spec = canonical((PdfInput, PdfOptions), input, options, extra_errors)
        if not credentials:
            return spec
        del spec["options"]["fetch"]
        return {**spec, "secrets": {"credentials": credentials}}

    async def pin(self, spec: dict[str, Any], lookups: Lookups) -> dict[str, Any]:
        """Adds the template's version and source: later changes of it do not affect the job."""
        wanted = spec["input"]
        if "template" not in wanted:
            return spec
        try:
            template = await lookups.template(wanted["template"], wanted.get("version"))
        except TemplateNotFound as error:
            raise error.below("/input/template" if error.version is None else "/input/version") from None
        data = wanted.get("data", {})
        if field_errors := await lookups.field_errors(template, data, "/input/data"):
            head = template.head
            raise InvalidInput(
                f"The data does not fit the schema of template {head.name} (version {head.version}).",
                field_errors,
            )
        source = {"html": template.content.html, "stylesheets": template.content.stylesheets}
        pinned = {**wanted, "version": template.head.version, "data": data, "source": source}
        return {**spec, "input": pinned}

    def runner(self, pool: RenderPool) -> Runner:
        async def run(run: Run) -> Result:
            options, fonts = run.spec["options"], await run.fonts()
            key = _reuse_key(run, fonts)
            result = await _reused(run, key) or await _rendered(run, pool, fonts, key)
            if strict := options.get("strict"):
                _refuse_warnings(result.details, strict)
            return dataclasses.replace(
                result,
                filename=options.get("filename") or file_name(result.details.get("title"), DEFAULT_FILENAME),
                details={**result.details, **_template(run.spec["input"])},
            )

        return run


async def _reused(run: Run, key: str | None) -> Result | None:
    """Returns a copy of an earlier result of the same document, or None."""
    found = await run.recall(key) if key is not None else None
    return found and dataclasses.replace(found, details={**found.details, "cached": True})


async def _rendered(run: Run, pool: RenderPool, fonts: Sequence[OfferedFont], key: str | None) -> Result:
    try:
        outcome = await pool.render(
            _request(run, fonts), tenant=run.claim.tenant, timeout_ms=run.timeout_ms, report=run.report
        )
    except TemplateError as error:
        pinned = run.spec["input"]
        raise TemplateError(
            f"Template {pinned['template']} (version {pinned['version']}): {error.message}."
        ) from None
    return Result(
        body=outcome.body,
        content_type=outcome.content_type,
        filename=DEFAULT_FILENAME,
        details={**outcome.details, **with_title(outcome.title), "cached": False},
        reuse_key=key if outcome.self_contained else None,
    )


def _reuse_key(run: Run, fonts: Sequence[OfferedFont]) -> str | None:
    """Returns a digest of all that the PDF depends on; None if it can differ, or is to be new.

    A document with credentials is never reused: what it is may depend on who asks. All fonts of the
    tenant are part of it, because a font that is not used now may be used if another one goes.
    """
    spec = run.spec
    if run.secrets or "url" in spec["input"] or spec["options"].get("cache") is False:
        return None
    options = {name: value for name, value in spec["options"].items() if name not in _OPTIONS_NOT_IN_THE_PDF}
    # Name and version of a template are left out: the input has its source and its data.
    input = {name: value for name, value in spec["input"].items() if name not in ("template", "version")}
    parts: list[Any] = [renderer_version(), input, options, spec.get("files")]
    if fonts:
        parts.append([[list(font.families), font.digest] for font in fonts])
    content = json.dumps(parts, sort_keys=True)
    return hashlib.sha256(content.encode()).hexdigest()


def _request(run: Run, fonts: Sequence[OfferedFont]) -> RenderRequest:
    input, options = run.spec["input"], run.spec["options"]
    credentials = run.secrets.get("credentials", {})
    if "template" not in input:
        index = input.get("index")
        ((format, document),) = ((name, text) for name, text in input.items() if name != "index")
        return RenderRequest(
            format=format,
            document=document,
            options=options,
            files=run.files,
            index=index,
            credentials=credentials,
            fonts=fonts,
        )
    source = input["source"]
    stylesheets = [*source["stylesheets"], *options.get("stylesheets", ())]
    return RenderRequest(
        format="template",
        document=source["html"],
        data=input["data"],
        options={**options, "stylesheets": stylesheets},
        files=run.files,
        credentials=credentials,
        fonts=fonts,
    )


def _template(input: dict[str, Any]) -> dict[str, Any]:
    """Returns the member of the result that names the template, if there is one."""
    if "template" not in input:
        return {}
    return {"template": {"name": input["template"], "version": input["version"]}}


def _refuse_warnings(details: Mapping[str, Any], strict: bool | Severity | list[WarningCode]) -> None:
    refused = _refused_codes(strict)
    found = [warning for warning in details["warnings"] if warning["code"] in refused]
    omitted = details.get("warnings_omitted", {})
    number = len(found) + sum(omitted[code] for code in omitted if code in refused)
    if not number:
        return
    shown = "; ".join(_strict_text(warning) for warning in found[:_MAX_STRICT_WARNINGS_SHOWN])
    more = number - min(len(found), _MAX_STRICT_WARNINGS_SHOWN)
    rest = f"; and {more} more" if more > 0 else ""
    raise StrictWarnings(
        f"The document has {number} warning{'s' if number > 1 else ''}, and the job is strict: {shown}{rest}"
    )


def _refused_codes(strict: bool | Severity | list[WarningCode]) -> Collection[str]:
    if isinstance(strict, list):
        return strict
    least = SEVERITIES[-1] if isinstance(strict, bool) else strict
    refused = SEVERITIES[: SEVERITIES.index(least) + 1]
    return {code for code in SEVERITY if SEVERITY[code] in refused} - _WARNINGS_ABOUT_THE_MACHINE


def _strict_text(warning: Mapping[str, Any]) -> str:
    line = f", line {warning['line']}" if "line" in warning else ""
    place = f"{warning['source']}{line}" if "source" in warning else ""
    if "page" in warning:
        place = f"page {warning['page']}"
    return f"{warning['code']}: {warning['message']}" + (f" ({place})" if place else "")


PDF_RENDER = PdfRender()
