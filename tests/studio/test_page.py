"""The page in Debian's Chromium: it draws, a hand does what it should, and nothing goes wrong or out.

Every page that a test opens is checked for errors in its console and for requests to other machines.
"""

from __future__ import annotations

from typing import Any

import pytest
import torch
from asking import Studio
from PIL import Image

WIDE, PHONE = (1280, 800), (360, 740)
SIZES = [WIDE, pytest.param(*PHONE, marks=pytest.mark.slow)]


def expect(page: Any, script: str, seconds: float = 8.0) -> Any:
    """Until a script gives something; the page's policy allows no wait_for_function."""
    for _ in range(int(seconds * 20)):
        if found := page.evaluate(script):
            return found
        page.wait_for_timeout(50)
    raise AssertionError(f"the page never came to {script}")


def drawn(page: Any) -> None:
    """Until the map, t-SNE as soon as that is made, stands still with its pictures on it."""
    expect(
        page, "globalThis.narrowsPlane?.layout === 'tsne' && narrowsPlane.to === narrowsPlane.xy"
    )
    expect(page, "globalThis.narrowsPlane?.cells.size > 20 && !narrowsPlane.from")
    expect(page, "[...narrowsPlane.sheets.values()].some(sheet => sheet.ready)")


def place(page: Any, row: int) -> tuple[float, float]:
    """Where a row's picture stands on the screen: that of its cell."""
    return tuple(
        page.evaluate(
            """row => {
              const box = narrowsPlane.canvas.getBoundingClientRect();
              const [x, y] = narrowsPlane.markOf(row, true);
              return [x + box.left, y + box.top];
            }""",
            row,
        )
    )


def apart(page: Any) -> tuple[int, int]:
    """Two rows whose pictures are shown, near the middle and not near each other."""
    return tuple(
        page.evaluate(
            """() => {
              const p = narrowsPlane, middle = p.markOf, free = [];
              for (const row of p.cells.values()) {
                const [x, y] = p.markOf(row, true), box = p.canvas.getBoundingClientRect();
                if (document.elementFromPoint(x + box.left, y + box.top) === p.canvas) free.push([row, x, y]);
              }
              const [first, x0, y0] = free[0];
              free.sort((a, b) => Math.hypot(b[1] - x0, b[2] - y0) - Math.hypot(a[1] - x0, a[2] - y0));
              return [first, free[0][0]];
            }"""
        )
    )


@pytest.mark.parametrize("width, height", SIZES)
def test_a_person_looks_picks_selects_and_morphs(
    browse: Any, opened: Studio, width: int, height: int
) -> None:
    page = browse.page(width, height)
    drawn(page)
    assert "token" not in page.url and page.title().startswith("digits & more")
    first, last = apart(page)

    page.mouse.click(*place(page, first))
    panel = page.get_by_role("complementary", name="Picture")
    panel.locator("h2", has_text=opened.session.rows.ids[first]).wait_for()
    assert panel.locator(".tile").count() == 8
    panel.get_by_role("button", name="Close").click()

    page.get_by_role("button", name="Morph", exact=True).click()
    page.mouse.move(*place(page, first))
    page.mouse.down()
    page.mouse.move(*place(page, last), steps=8)
    page.mouse.up()
    strip = page.get_by_role("img", name="decoded codes")
    strip.wait_for()
    names = [opened.session.rows.ids[row] for row in (first, last)]
    page.get_by_role("region", name=f"From {names[0]} to {names[1]}").wait_for()
    inked = "c => new Set(c.getContext('2d').getImageData(0, 0, c.width, c.height).data).size"
    assert strip.evaluate(inked) > 20
    page.locator(".morph").get_by_role("button", name="Close").click()

    page.keyboard.press("l")
    box = page.evaluate(
        "(({left, top, scale, canvas}) => [left, top, scale, canvas.getBoundingClientRect().top])(narrowsPlane)"
    )
    x0, y0 = max(4, box[0]), box[1] + box[3] + 0.45 * box[2]
    corners = [(x0, y0), (width - 8, y0), (width - 8, y0 + 0.2 * box[2]), (x0, y0 + 0.2 * box[2])]
    page.mouse.move(*corners[0])
    page.mouse.down()
    for corner in [*corners[1:], corners[0]]:
        page.mouse.move(*corner, steps=4)
    page.mouse.up()
    chosen = page.evaluate("narrowsPlane.chosen?.reduce((a, b) => a + b, 0) ?? 0")
    assert 5 < chosen < 300
    page.get_by_text(f"{chosen} selected").wait_for()


@pytest.mark.parametrize("width, height", SIZES)
def test_search_by_click_plus_and_minus(
    browse: Any, opened: Studio, width: int, height: int
) -> None:
    page = browse.page(width, height)
    page.get_by_role("link", name="Search").click()
    page.locator(".tile .open").nth(3).click()
    page.get_by_text("48 nearest").wait_for()
    away = [float(text) for text in page.locator(".away").all_inner_texts()]
    assert away == sorted(away) and away[0] > 0
    page.get_by_role("button", name="More like").nth(0).click()
    page.get_by_role("button", name="Less like").nth(5).click()
    page.locator(".terms.minus .term").wait_for()
    expect(page, f"document.querySelector('.away')?.innerText !== '{away[0]:.3g}'")
    assert page.locator(".terms.like .term").count() == 2


def test_a_picture_is_dropped_and_picked(
    browse: Any, opened: Studio, tmp_path: Any, digits: Any
) -> None:
    path = tmp_path / "größe à.png"
    pixels = (digits.batch(torch.tensor([350]))[0, 0] * 255).round().byte()
    Image.fromarray(pixels.numpy()).save(path)
    page = browse.page()
    page.get_by_role("link", name="Search").click()
    page.get_by_label("Pick pictures to search with").set_input_files(path)
    page.get_by_text("48 nearest").wait_for()
    page.get_by_role("button", name="Start again").click()
    page.evaluate(
        """content => {
          const file = new File([Uint8Array.from(content)], "a.png", {type: "image/png"});
          const data = new DataTransfer();
          data.items.add(file);
          document.querySelector(".search").dispatchEvent(new DragEvent("drop", {dataTransfer: data, bubbles: true}));
        }""",
        list(path.read_bytes()),
    )
    page.get_by_text("48 nearest").wait_for()


def test_what_cannot_be_read_is_said(browse: Any, tmp_path: Any) -> None:
    path = tmp_path / "no.png"
    path.write_bytes(b"no picture")
    page = browse.page(color_scheme="dark")
    page.get_by_role("link", name="Search").click()
    page.get_by_label("Pick pictures to search with").set_input_files(path)
    page.locator(".toasts .error", has_text="not a picture").wait_for()
    # the browser itself logs every answer of 4xx; nothing else may be there
    assert all("422" in text for text in browse.wrong)
    browse.wrong.clear()


def test_keys_are_enough(browse: Any, opened: Studio) -> None:
    page = browse.page()
    drawn(page)
    page.locator("canvas.plane").focus()
    scale = page.evaluate("narrowsPlane.scale")
    page.keyboard.press("+")
    page.keyboard.press("ArrowLeft")
    assert page.evaluate("narrowsPlane.scale") > scale
    page.keyboard.press("Enter")
    page.get_by_role("complementary", name="Picture").wait_for()
    page.keyboard.press("Escape")
    page.keyboard.press("2")
    page.get_by_text("or drop or paste one here").wait_for()
    page.keyboard.press("1")
    drawn(page)
    page.keyboard.press("d")
    expect(page, "narrowsPlane.look === 'dots'")
