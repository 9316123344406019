"""Collects the kinds: the built-in ones, and your own from ``PRESSRUN_KINDS``."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import TYPE_CHECKING

from jobs.core.settings import BadSetting, Settings
from jobs.kinds import Kind, Runner
from jobs.kinds.pdf.fill import PDF_FILL
from jobs.kinds.pdf.merge import PDF_MERGE
from jobs.kinds.pdf.preview import PDF_PREVIEW
from jobs.kinds.pdf.render import PDF_RENDER
from jobs.kinds.pdf.text import PDF_TEXT
from jobs.kinds.spec_secrets import SpecSecrets

if TYPE_CHECKING:
    from jobs.render.parent.pool import RenderPool

_BUILT_IN: tuple[Kind, ...] = (PDF_RENDER, PDF_MERGE, PDF_PREVIEW, PDF_FILL, PDF_TEXT)


def load_kinds(settings: Settings) -> dict[str, Kind]:
    """Returns all kinds by name; of the same name, the last. Your own come after built-in ones.

    Raises BadSetting.
    """
    kinds = [*_BUILT_IN, *(_load(path) for path in settings.kinds)]
    return {kind.name: kind for kind in kinds}


def runners_of(kinds: Mapping[str, Kind], pool: RenderPool, secrets: SpecSecrets) -> dict[str, Runner]:
    """Returns the run side of each kind, which gets specs as `Kind.canonical` made them."""
    return {name: secrets.opening(kind.runner(pool)) for name, kind in kinds.items()}


def _load(path: str) -> Kind:
    module, _, attribute = path.partition(":")
    try:
        kind = getattr(import_module(module), attribute)
    except (ImportError, AttributeError) as error:
        raise BadSetting(
            "PRESSRUN_KINDS", f"names {path!r}, which cannot be imported ({error})", _EXPECTED
        ) from None
    if not all(hasattr(kind, name) for name in ("name", "canonical", "runner")):
        raise BadSetting("PRESSRUN_KINDS", f"names {path!r}, which is not a kind", _EXPECTED)
    return kind  # type: ignore[no-any-return] # what has these members is a Kind


_EXPECTED = "import paths of `jobs.kinds.Kind` instances, package.module:attribute, with commas between"
