"""Hands in the latent space, in Debian's Chromium; see test_page.py."""

from __future__ import annotations

from typing import Any

import pytest
from test_page import SIZES, expect

PICTURE = "(c => c ? c.toDataURL() : '')(document.querySelector('.decoded'))"


@pytest.mark.parametrize("width, height", SIZES)
def test_sliders_mixtures_and_new_pictures(browse: Any, width: int, height: int) -> None:
    page = browse.page(width, height)
    page.get_by_role("link", name="Latent space").click()
    page.locator(".slider input").first.wait_for()
    expect(page, "document.querySelector('.took')?.innerText.includes('ms a change')")
    before = page.evaluate(PICTURE)
    page.get_by_label("axis 1", exact=True).fill("2.5")
    expect(page, f"{PICTURE} !== {before!r}")
    page.get_by_role("button", name="Back to the middle").click()
    expect(page, f"{PICTURE} === {before!r}")

    page.get_by_label("new picture 3").click()
    page.get_by_label("new picture 5").click(modifiers=["Control"])
    assert page.locator(".part").count() == 2
    expect(page, f"{PICTURE} !== {before!r}")
    with page.expect_download() as got:
        page.get_by_role("button", name="Save as animation").click()
    assert got.value.path().read_bytes()[8:12] == b"WEBP"
    page.get_by_role("button", name="Units").click()
    page.get_by_text("unit", exact=False).first.wait_for()
    assert page.evaluate("document.documentElement.scrollWidth") == width


def test_what_cannot_be_learnt_is_said(browse: Any) -> None:
    page = browse.page()
    page.get_by_role("link", name="Latent space").click()
    page.get_by_role("button", name="Learn it").click()
    page.locator(".toasts .error", has_text="says where its pictures are").wait_for()
    assert all("400" in text for text in browse.wrong)
    browse.wrong.clear()
