import sys
import textwrap
from types import ModuleType
from typing import cast

import pytest

import jobs.kinds
from jobs.core.errors.request import InvalidInput
from jobs.core.job import Claim, Result
from jobs.core.settings import BadSetting, Settings
from jobs.kinds import Run
from jobs.kinds.pdf.fill import PDF_FILL
from jobs.kinds.pdf.merge import PDF_MERGE
from jobs.kinds.pdf.preview import PDF_PREVIEW
from jobs.kinds.pdf.render import PDF_RENDER, PdfRender
from jobs.kinds.pdf.text import PDF_TEXT
from jobs.kinds.registry import load_kinds
from jobs.render.parent.pool import RenderPool


@pytest.fixture
def plugin(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    module = ModuleType("plugin_under_test")
    monkeypatch.setitem(sys.modules, "plugin_under_test", module)
    return module


def settings(kinds: str) -> Settings:
    return Settings.from_env({"PRESSRUN_KINDS": kinds})


def test_the_built_in_kinds_are_loaded() -> None:
    assert load_kinds(settings("")) == {
        "pdf.render": PDF_RENDER,
        "pdf.merge": PDF_MERGE,
        "pdf.preview": PDF_PREVIEW,
        "pdf.fill": PDF_FILL,
        "pdf.text": PDF_TEXT,
    }


def test_your_own_kinds_are_loaded_by_import_path_and_may_replace_built_in_ones(plugin: ModuleType) -> None:
    class Thumbnail(PdfRender):
        name = "thumbnail"

    plugin.thumbnail, plugin.better = Thumbnail(), PdfRender()  # type: ignore[attr-defined]
    kinds = load_kinds(settings("plugin_under_test:thumbnail, plugin_under_test:better"))
    assert kinds == {**load_kinds(settings("")), "pdf.render": plugin.better, "thumbnail": plugin.thumbnail}


@pytest.mark.parametrize(
    "path", ["no_such_module:kind", "plugin_under_test:missing", "plugin_under_test:__name__"]
)
def test_a_path_that_names_no_kind_is_an_error_with_the_path(plugin: ModuleType, path: str) -> None:
    with pytest.raises(BadSetting, match=r"PRESSRUN_KINDS names '.*'"):
        load_kinds(settings(path))


@pytest.mark.parametrize("path", ["module", "module:", ":kind", "a b:kind", "a..b:kind"])
def test_text_that_is_not_an_import_path_is_refused_when_settings_are_read(path: str) -> None:
    with pytest.raises(BadSetting):
        settings(path)


async def test_the_example_in_the_documentation_of_kinds_is_a_kind(plugin: ModuleType) -> None:
    assert jobs.kinds.__doc__
    _, _, indented = jobs.kinds.__doc__.partition("::\n")
    example = textwrap.dedent(indented.partition("\nA kind whose")[0])
    exec(example, {"InvalidInput": InvalidInput, "Result": Result}, plugin.__dict__)
    greeting = load_kinds(settings("plugin_under_test:GREETING"))["greeting"]
    with pytest.raises(InvalidInput, match="/input/name: should be a string"):
        greeting.canonical({}, None)
    spec = greeting.canonical({"name": "Ada"}, None)
    run = Run(claim=cast(Claim, None), spec=spec, timeout_ms=1000, report=lambda progress: None)
    assert (await greeting.runner(cast(RenderPool, None))(run)).body == b"Hello Ada"
