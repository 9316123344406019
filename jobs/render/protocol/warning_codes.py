"""The codes of warnings about a document, and how much each of them matters."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

Severity = Literal["error", "warning", "info"]
"""How much a warning matters.

`error`: something is missing. `warning`: something looks or works differently. `info`: something
without much effect is ignored, such as CSS that is not supported, or could be better.
"""
SEVERITIES: tuple[Severity, ...] = ("error", "warning", "info")
"""The worst first."""

WarningCode = Literal[
    "image_unreachable",
    "stylesheet_unreachable",
    "attachment_unreachable",
    "asset_unreachable",
    "asset_forbidden",
    "asset_too_large",
    "fetch_limit",
    "image_undecodable",
    "stylesheet_unusable",
    "stylesheet_unsupported",
    "attachment_unusable",
    "attachment_invalid",
    "font_unavailable",
    "font_replaced",
    "font_unsupported",
    "font_subsetting_slow",
    "glyph_missing",
    "font_fallback",
    "font_unused",
    "needs_scripts",
    "content_cut",
    "formula_unsupported",
    "svg_text_missing",
    "svg_filter_ignored",
    "image_low_resolution",
    "image_oversized",
    "page_empty",
    "css_ignored",
    "svg_ignored",
    "layout_unsupported",
    "relative_url",
    "relative_link",
    "malformed_url",
    "anchor_missing",
    "anchor_duplicate",
    "header_cut",
    "conformance_broken",
    "accessibility",
    "metadata_invalid",
    "front_matter_invalid",
    "render_warning",
    "bookmarks_unreadable",
    "pdf_repaired",
    "form_fields_renamed",
    "attachments_renamed",
    "part_incomplete",
    "conformance_lost",
    "signature_lost",
    "tags_lost",
    "scripts_lost",
    "field_text_cut",
    "xfa_removed",
    "text_missing",
    "form_unreadable",
    "links_lost",
    "attachments_lost",
]
"""`docs/rendering/warnings.md` explains each code."""

SEVERITY: Mapping[WarningCode, Severity] = {
    "image_unreachable": "error",
    "stylesheet_unreachable": "error",
    "attachment_unreachable": "error",
    "asset_unreachable": "error",
    "asset_forbidden": "error",
    "asset_too_large": "error",
    "fetch_limit": "error",
    "image_undecodable": "error",
    "stylesheet_unusable": "error",
    "stylesheet_unsupported": "error",
    "attachment_unusable": "error",
    "attachment_invalid": "error",
    "font_unavailable": "warning",
    "font_replaced": "warning",
    "font_unsupported": "warning",
    "font_subsetting_slow": "info",
    "glyph_missing": "error",
    "font_fallback": "info",
    "font_unused": "info",
    "needs_scripts": "error",
    "content_cut": "error",
    "formula_unsupported": "error",
    "svg_text_missing": "error",
    "svg_filter_ignored": "warning",
    "image_low_resolution": "info",
    "image_oversized": "info",
    "page_empty": "info",
    "css_ignored": "info",
    "svg_ignored": "info",
    "layout_unsupported": "warning",
    "relative_url": "error",
    "relative_link": "warning",
    "malformed_url": "error",
    "anchor_missing": "warning",
    "anchor_duplicate": "info",
    "header_cut": "error",
    "conformance_broken": "error",
    "accessibility": "warning",
    "metadata_invalid": "warning",
    "front_matter_invalid": "warning",
    "render_warning": "warning",
    "bookmarks_unreadable": "error",
    "pdf_repaired": "warning",
    "form_fields_renamed": "warning",
    "attachments_renamed": "warning",
    "part_incomplete": "error",
    "conformance_lost": "warning",
    "signature_lost": "warning",
    "tags_lost": "warning",
    "scripts_lost": "warning",
    "field_text_cut": "error",
    "xfa_removed": "info",
    "text_missing": "error",
    "form_unreadable": "error",
    "links_lost": "warning",
    "attachments_lost": "warning",
}


def rank(code: WarningCode) -> int:
    """Returns 0 for the worst severity, and more for those that matter less."""
    return SEVERITIES.index(SEVERITY[code])
