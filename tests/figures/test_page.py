"""The report page: whole, escaped, and alone."""

from __future__ import annotations

import base64
import io
import re
from html.parser import HTMLParser

import numpy as np
import pytest
from PIL import Image

from narrows.figures import Link, Picture, Section, loss_curves, report_page, smaller

GRAY = np.linspace(0, 1, 12).reshape(3, 4)


class Tags(HTMLParser):
    """Every tag with its attributes, and a check that they nest."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict]] = []
        self.open: list[str] = []
        self.text = ""
        self.feed(page)
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.found.append((tag, dict(attrs)))
        if tag not in ("meta", "img"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data


def page() -> str:
    nasty = '<script>alert("1")</script>'
    return report_page(
        f"title {nasty}",
        [
            Section(
                "numbers " + nasty,
                "x < y & `a < b`\n\nsecond",
                [
                    {"name": nasty, "psnr_mean": -20.125, "n": 1797},
                    {"name": "mean", "psnr_mean": None, "n": 3},
                ],
            ),
            Section(
                "figures",
                pictures=[
                    Picture(GRAY, nasty, '" onload="x'),
                    Picture(loss_curves([{"epoch": 1, "loss": 1.0}]), "curve", crisp=True),
                ],
            ),
            Section("again", commands="narrows train <folder>\n"),
        ],
        subtitle="a & b",
    )


def test_nothing_runs_and_nothing_outside_is_asked_for():
    tags = Tags(page()).found
    assert not {"script", "link", "iframe", "object"} & {tag for tag, _ in tags}
    for tag, attributes in tags:
        assert not any(name.startswith("on") for name in attributes), (tag, attributes)
        assert "href" not in attributes
        if "src" in attributes:
            assert attributes["src"].startswith("data:image/png;base64,")
    assert not re.search(r"https?:|url\(|@import", page())


def test_everything_is_escaped_and_readable():
    read = Tags(page())
    assert "<script>" not in page()
    assert (
        read.text.count('<script>alert("1")</script>') == 5
    )  # title twice, heading, cell, caption
    assert "<code>a &lt; b</code>" in page() and "<p>second</p>" in page()
    assert "narrows train <folder>" in read.text


def test_pictures_are_whole_and_described():
    images = [attributes for tag, attributes in Tags(page()).found if tag == "img"]
    assert images[0]["alt"] == '" onload="x' and images[1]["alt"] == "curve"
    assert images[1]["class"] == "crisp"
    for image in images:
        assert base64.b64decode(image["src"].split(",")[1]).startswith(b"\x89PNG")


def test_numbers_are_aligned_and_columns_readable():
    text = page()
    assert '<th class="number">psnr mean</th>' in text
    assert '<td class="number">−20.12</td>' in text
    assert '<td class="number">1,797</td>' in text and '<td class="number">–</td>' in text
    assert "prefers-color-scheme: dark" in text


def test_a_page_leads_to_itself_and_to_pages_beside_it():
    linked = report_page(
        "index",
        [
            Section(
                "papers",
                table=[{"what": Link("figure <4>", "one-2020/index.html#figure-4")}],
                pictures=[Picture(GRAY, to="#papers")],
                anchor="papers",
                gallery=True,
            )
        ],
    )
    assert '<a href="one-2020/index.html#figure-4">figure &lt;4&gt;</a>' in linked
    addresses = [with_.get("href") for tag, with_ in Tags(linked).found if tag == "a"]
    assert addresses == ["one-2020/index.html#figure-4", "#papers"]
    assert ("section", {"id": "papers"}) in Tags(linked).found


@pytest.mark.parametrize(
    "to", ["javascript:alert(1)", "//evil", "https://evil", "../up.html", 'a.html" onclick="x']
)
def test_a_page_leads_nowhere_else(to):
    with pytest.raises(ValueError, match="pages beside it"):
        report_page("index", [Section(table=[{"what": Link("x", to)}])])


def test_a_smaller_picture_keeps_its_aspect_and_a_small_one_its_size(tmp_path):
    noise = np.random.default_rng(0).integers(0, 256, (40, 80, 3)).astype(np.uint8)
    Image.fromarray(noise).save(tmp_path / "a.png")
    for limit, size in (((20, 20), (20, 10)), ((20, 5), (10, 5)), ((100, 100), (80, 40))):
        with Image.open(io.BytesIO(smaller(tmp_path / "a.png", *limit))) as made:
            assert made.format == "PNG" and made.size == size
