"""Hands in the room that restores, in Debian's Chromium; see test_page.py."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from test_page import SIZES, expect
from test_search import digit


@pytest.mark.parametrize("width, height", SIZES)
def test_a_hole_is_painted_filled_and_compared(
    browse: Any, tmp_path: Path, digits: Any, width: int, height: int
) -> None:
    path = tmp_path / "größe.png"
    path.write_bytes(digit(digits, 350))
    page = browse.page(width, height)
    page.get_by_role("link", name="Restore").click()
    page.get_by_label("Pick a picture to restore").set_input_files(path)
    page.get_by_text("größe.png").wait_for()
    page.get_by_role("button", name="Fill holes").click()
    fill = page.get_by_role("button", name="Fill it")
    assert fill.is_disabled()
    box = page.locator(".mask").bounding_box()
    page.mouse.move(box["x"] + 0.4 * box["width"], box["y"] + 0.4 * box["height"])
    page.mouse.down()
    page.mouse.move(box["x"] + 0.6 * box["width"], box["y"] + 0.6 * box["height"], steps=5)
    page.mouse.up()
    fill.click()
    page.get_by_text("1 picture filled by projection").wait_for()
    slide = page.get_by_label("How much of with its hole is shown beside model")
    slide.fill("20")
    assert (
        page.evaluate("document.querySelector('.slide').style.getPropertyValue('--cut')") == "20%"
    )
    assert page.locator(".ways figure").count() > 2
    with page.expect_download() as got:
        page.get_by_text("Save at full size").click()
    assert got.value.path().read_bytes()[:4] == b"\x89PNG"
    assert page.evaluate("document.documentElement.scrollWidth") == width

    page.get_by_role("button", name="Paint more").click()
    page.locator(".mask").focus()
    page.keyboard.press("Space")
    expect(page, "!document.querySelector('.options .main').disabled")
