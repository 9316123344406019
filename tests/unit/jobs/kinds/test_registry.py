import sys
from types import ModuleType

import pytest

from jobs.core.settings import BadSetting, Settings
from jobs.kinds.pdf_merge import PDF_MERGE
from jobs.kinds.pdf_preview import PDF_PREVIEW
from jobs.kinds.pdf_render import PDF_RENDER, PdfRender
from jobs.kinds.registry import load_kinds


@pytest.fixture
def plugin(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    module = ModuleType("plugin_under_test")
    monkeypatch.setitem(sys.modules, "plugin_under_test", module)
    return module


def settings(kinds: str) -> Settings:
    return Settings.from_env({"PRESSRUN_KINDS": kinds})


def test_the_built_in_kinds_are_there() -> None:
    assert load_kinds(settings("")) == {
        "pdf.render": PDF_RENDER,
        "pdf.merge": PDF_MERGE,
        "pdf.preview": PDF_PREVIEW,
    }


def test_your_own_kinds_come_by_import_path_and_may_replace_one(plugin: ModuleType) -> None:
    class Thumbnail(PdfRender):
        name = "thumbnail"

    plugin.thumbnail, plugin.better = Thumbnail(), PdfRender()  # type: ignore[attr-defined]
    kinds = load_kinds(settings("plugin_under_test:thumbnail, plugin_under_test:better"))
    assert kinds == {**load_kinds(settings("")), "pdf.render": plugin.better, "thumbnail": plugin.thumbnail}


@pytest.mark.parametrize(
    "path", ["no_such_module:kind", "plugin_under_test:missing", "plugin_under_test:__name__"]
)
def test_a_path_that_leads_to_no_kind_stops_the_process_with_its_name(plugin: ModuleType, path: str) -> None:
    with pytest.raises(BadSetting, match=r"PRESSRUN_KINDS names '.*'"):
        load_kinds(settings(path))


@pytest.mark.parametrize("path", ["module", "module:", ":kind", "a b:kind", "a..b:kind"])
def test_what_is_no_import_path_is_refused_when_settings_are_read(path: str) -> None:
    with pytest.raises(BadSetting):
        settings(path)
