"""The files of a page are found, and none outside of the folder that may be sent."""

from __future__ import annotations

from pathlib import Path

import pytest

from api.cli.client.page_files import PageFiles, page_files

FILES = {
    "site/ref/p.html": "",
    "site/ref/p.png": "",
    "site/css/a.css": "@import 'b.css'; p { background: url(../img/a%20b.svg) }",
    "site/css/b.css": "@import 'a.css'; @font-face { src: url(font.woff2) }",
    "site/css/font.woff2": "",
    "site/img/a b.svg": "<svg><image href='in.png'/></svg>",
    "site/img/in.png": "",
    "site/.env": "",
    "site/.git/config": "",
    "site/a#b.png": "",
    "secret.png": "",
}


@pytest.fixture
def top(tmp_path: Path) -> Path:
    for name, content in FILES.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(content)
    return tmp_path


def found(top: Path, *references: str, boundary: str = "", root: str | None = None) -> PageFiles:
    document = top / "site/ref/p.html"
    return page_files(document, references, top / boundary, None if root is None else top / root)


def names(page: PageFiles) -> set[str]:
    return {page.name(file) for file in page.files}


def test_stylesheets_and_pictures_bring_what_they_refer_to(top: Path) -> None:
    page = found(
        top, "p.png", "../css/a.css", "../css/a.css?again", "missing.png", "https://example.com/a.png"
    )
    assert page.root == top / "site"
    assert page.name(top / "site/ref/p.html") == "ref/p.html"
    assert names(page) == {
        "ref/p.png",
        "css/a.css",
        "css/b.css",
        "css/font.woff2",
        "img/a b.svg",
        "img/in.png",
    }
    assert page.left_out == {}


def test_the_root_is_the_lowest_folder_that_has_all_files(top: Path) -> None:
    assert found(top, "p.png").root == found(top).root == top / "site/ref"
    assert names(found(top, "../../secret.png")) == {"secret.png"}
    assert names(found(top, "p.png", root="site")) == {"ref/p.png"}


def test_a_slash_at_the_start_is_the_root(top: Path) -> None:
    assert found(top, "/img/in.png").root == top / "site"
    assert names(found(top, "/img/in.png", root="site")) == {"img/in.png"}
    assert names(found(top, "/etc/passwd", "/site/img/in.png")) == {"site/img/in.png"}
    assert found(top, "/img/in.png", boundary="site/ref").files == []


@pytest.mark.parametrize(
    ("reference", "reason"),
    [
        ("../../secret.png", "outside of"),
        ("../../../../../../../../../../../etc/passwd", "outside of"),
        ("../.env", "begins with a dot"),
        ("../.git/config", "begins with a dot"),
        ("../a%23b.png", "characters"),
    ],
)
def test_what_may_not_be_sent_is_told(top: Path, reference: str, reason: str) -> None:
    page = found(top, reference, "p.png", boundary="site")
    assert names(page) == {"p.png"}
    assert reason in page.left_out[reference]


def test_symbolic_links_lead_nowhere_else(top: Path) -> None:
    (top / "site/ref/out.png").symlink_to(top / "secret.png")
    (top / "site/ref/env.png").symlink_to(top / "site/.env")
    (top / "site/ref/folder").symlink_to(top)
    (top / "site/ref/in.png").symlink_to("../img/in.png")
    page = found(top, "out.png", "env.png", "folder/secret.png", "in.png", boundary="site")
    assert names(page) == {"in.png"}
    assert set(page.left_out) == {"out.png", "env.png", "folder/secret.png"}


def test_folders_are_no_files(top: Path) -> None:
    assert found(top, "../css", "../css/", ".", "..").files == []
