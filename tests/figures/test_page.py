"""The report page: whole, escaped, and alone."""

from __future__ import annotations

import base64
import re
from html.parser import HTMLParser

import numpy as np

from narrows.figures import Picture, Section, loss_curves, report_page

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
