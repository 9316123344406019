"""Which documents are told to need scripts."""

from __future__ import annotations

import pytest

from tests.unit.jobs.render.child.html.losses.conftest import Warned
from testsupport.pictures import png_url

BUNDLE = "<script src='data:text/javascript,x'></script>"
WRITES = "<script>document.getElementById('x').textContent = 'y'</script>"


@pytest.mark.parametrize(
    "html",
    [
        f"<div id=root></div>{BUNDLE}",
        f"<noscript>You need to enable JavaScript to run this app.</noscript><div id=root></div>{BUNDLE}",
        f"<app-root>Loading…</app-root><script type=module src=main.js></script>{BUNDLE}",
        f"<h1>Sales 2026</h1><div id=chart></div>{WRITES}",
        WRITES,
    ],
)
def test_a_page_that_scripts_make_is_told(warned: Warned, html: str) -> None:
    (warning,) = warned(html, "needs_scripts")
    assert warning["message"].startswith("The document has scripts, which are not run")


@pytest.mark.parametrize(
    "html",
    [
        "<div id=root></div>",
        f"<p>A short page{BUNDLE}",
        f"<p>{'word ' * 99}<div id=comments></div>{BUNDLE}",
        f"<div id=code></div><img src='{png_url(300, 300)}'>{BUNDLE}",
        "<p>A-17<div id=end></div><script>window.print()</script>",
        '<div id=data></div><script type=\'application/ld+json\'>{"name": "document."}</script>',
        f"<div id=chart></div><svg width=99 height=99><rect width=9 height=9 /></svg>{BUNDLE}",
    ],
)
def test_a_page_with_content_of_its_own_or_without_such_scripts_is_not(warned: Warned, html: str) -> None:
    assert warned(html, "needs_scripts") == []
