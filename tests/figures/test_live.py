"""The parts of a page that move: whole markup, nothing from outside, and the plane's mixing right."""

from __future__ import annotations

import json
import shutil
import subprocess

import numpy as np
import pytest

from narrows.figures import Section, report_page
from narrows.figures.live import bars, enlarged, film, framed, plane, slider, tiles

DRAW = np.random.default_rng(0)
NINE = DRAW.random((9, 1, 6, 5)).astype(np.float32)

BROWSER = """
const script = require("fs").readFileSync(0, "utf8");
const drawn = []; let alpha = 1; const heard = {};
const pen = { set globalAlpha(a) { alpha = a; }, get globalAlpha() { return alpha; }, fillRect() {},
  drawImage(s, x, y) { if (s === sheet) drawn.push([x, y, alpha]); } };
const sheet = { complete: true, getBoundingClientRect: () => ({ left: 0, top: 0, width: 300, height: 300 }) };
const pad = { style: {}, querySelector: q => q === "i" ? { style: {} } : sheet, setPointerCapture() {},
  addEventListener(kind, f) { heard[kind] = f; } };
const box = { querySelector: q => q === ".pad" ? pad : { getContext: () => ({ drawImage() {} }) } };
global.document = { currentScript: { parentNode: box },
  createElement: () => ({ getContext: () => pen }) };
eval(script);
const middle = drawn.splice(0);
heard.pointermove({ clientX: 75, clientY: 50, pointerType: "mouse" });
console.log(JSON.stringify({ middle, moved: drawn }));
"""


def test_a_page_of_them_is_whole_and_alone() -> None:
    gray = np.zeros((4, 6, 3), np.uint8)
    parts = [
        slider(gray, gray + 9, ("<a>", "b"), 'x "y"'),
        plane(NINE, "a < b", "c"),
        film(np.stack([gray, gray + 200]), "d"),
        framed('<!doctype html><p>it\'s & "quoted"', "e"),
        bars([("ours & co", 0.5, "1 dB"), ("PCA", 1.7, "2 dB")]),
    ]
    page = report_page("t", [Section(str(i), live=part) for i, part in enumerate(parts)])
    assert page.count("<div") == page.count("</div>") and page.count("<figure") == 2
    assert "&lt;a&gt;" in page and "a &lt; b" in page and "ours &amp; co" in page
    assert "&lt;!doctype html&gt;&lt;p&gt;it&#x27;s &amp; &quot;" in page
    assert "width:50.0%" in page and "width:100.0%" in page
    assert "http" not in page and "src=" in page and 'src="/' not in page
    assert ".slider" in page and ".slider" not in report_page("t", [Section("x", "y")])


def test_a_folded_section_opens_by_its_heading() -> None:
    page = report_page("t", [Section("How?", "So.", folded=True)])
    assert "<details><summary>How?</summary>" in page and "<h2>" not in page


def test_pictures_grow_smoothly_and_stand_in_rows() -> None:
    large = enlarged(NINE, 60)
    assert large.shape == (9, 60, 50, 3) and large.dtype == np.uint8
    assert enlarged(large.transpose(0, 3, 1, 2), 30).shape[1:3] == (60, 50)  # never shrinks
    sheet = tiles(NINE, 4, side=60, gap=6)
    assert sheet.shape == (3 * 66 - 6, 4 * 56 - 6, 3)
    assert (sheet[132:, 56:] == 255).all() and (sheet[:60, :50] == large[0]).all()


def test_the_browser_mixes_the_four_around_the_pointer() -> None:
    if shutil.which("node") is None:
        pytest.skip("no node here")
    script = plane(NINE, "n", "a").split("<script>")[1].split("</script>")[0]
    done = subprocess.run(["node", "-e", BROWSER], input=script, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    assert said["middle"] == [[5, 6, 1]]  # the middle of 3 × 3 pictures of 5 × 6 is one of them
    # a quarter of the way into the first gap across, none down: at the first row
    assert [[x, y, round(a, 6)] for x, y, a in said["moved"]] == [[0, 0, 0.75], [5, 0, 0.25]]


def test_a_plane_is_a_square() -> None:
    with pytest.raises(ValueError, match="R × R pictures.*we got 6"):
        plane(NINE[:6], "n", "a")
