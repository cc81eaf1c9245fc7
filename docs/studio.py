"""The pictures of docs/studio.md: each room of a studio of the gallery's wardrobe, as a person sees it.

`make gallery` makes them, in Chromium by Playwright: of runs/gallery/codes and runs/clothes, which the pages
before have made (Fashion-MNIST, Zalando Research, MIT).
"""

from __future__ import annotations

import io
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from PIL import Image

DOCS = Path(__file__).parent
TO = DOCS / "pictures" / "studio"
WORK = DOCS.parent / "runs" / "gallery"
SIZE = {"width": 1280, "height": 800}
LOADED = """[...document.images].every(
  image => image.complete || image.getBoundingClientRect().top > innerHeight)"""
QUIET = 700  # milliseconds without anything on its way


def the_map(page: Any) -> None:
    page.get_by_role("button", name="t-SNE").click()
    wait(page, "narrowsPlane.layout === 'tsne' && narrowsPlane.to === narrowsPlane.xy")
    page.locator("details.more summary").click()
    page.get_by_label("Colour by").select_option("label")
    page.locator("details.more summary").click()
    middle = page.evaluate(
        """() => {
          const p = narrowsPlane, box = p.canvas.getBoundingClientRect();
          const row = [...p.cells.values()][Math.floor(p.cells.size / 2)], [x, y] = p.markOf(row, true);
          return [x + box.left, y + box.top];
        }"""
    )
    page.mouse.click(*middle)
    page.get_by_role("complementary", name="Picture").locator(".tile").first.wait_for()


def search(page: Any) -> None:
    page.get_by_label("Pick pictures to search with").set_input_files(WORK / "boot.png")
    page.get_by_role("button", name="Select all").wait_for()


def outliers(page: Any) -> None:
    if page.locator(".queue .tile").count() == 0:
        page.get_by_role("button", name="Find outliers").click()
    page.locator(".queue .tile").nth(5).wait_for(timeout=300_000)
    page.get_by_role("img", name="Where it differs").wait_for()


def duplicates(page: Any) -> None:
    if page.locator(".group").count() == 0:
        page.get_by_role("button", name="Find duplicates").click()
    page.locator(".group").first.wait_for(timeout=300_000)


def label(page: Any) -> None:
    page.locator(".tile").first.wait_for()


def latent(page: Any) -> None:
    page.locator(".slider input").first.wait_for()
    page.get_by_label("Pick pictures to mix").set_input_files(WORK / "boot.png")
    page.locator(".part").first.wait_for()
    page.get_by_label("axis 1", exact=True).fill("0.8")
    page.locator(".drawn canvas").first.wait_for()


def restore(page: Any) -> None:
    page.get_by_label("Pick a picture to restore").set_input_files(WORK / "boot.png")
    page.get_by_role("button", name="Fill holes").click()
    box = page.locator(".mask").bounding_box()
    x, y = box["x"], box["y"]
    page.mouse.move(x + 0.35 * box["width"], y + 0.5 * box["height"])
    page.mouse.down()
    page.mouse.move(x + 0.6 * box["width"], y + 0.55 * box["height"], steps=5)
    page.mouse.up()
    page.get_by_role("button", name="Fill it").click()
    page.locator(".ways figure").nth(1).wait_for(timeout=120_000)


def train(page: Any) -> None:
    names = [name for name in ("clothes", "clothes-noisy") if (WORK / "runs" / name).exists()]
    for name in names:
        page.get_by_label(f"Compare {name}", exact=True).check()
    page.get_by_role("button", name=f"Compare {len(names)} runs").click()
    page.get_by_role("heading", name="Side by side").wait_for(timeout=120_000)


def share(page: Any) -> None:
    page.get_by_role("link", name="Search", exact=True).click()
    page.get_by_role("button", name="Select all").click()
    page.get_by_role("link", name="Share", exact=True).click()
    page.get_by_role("button", name="Save as one file").first.wait_for()


def lesson(page: Any) -> None:
    page.locator(".lesson-steps li").nth(7).wait_for()


ROOMS: dict[str, Callable[[Any], None]] = {
    "Map": the_map,
    "Search": search,
    "Outliers": outliers,
    "Duplicates": duplicates,
    "Label": label,
    "Latent space": latent,
    "Restore": restore,
    "Train": train,
    "Share": share,
    "Lesson": lesson,
}


def wait(page: Any, script: str, seconds: float = 120) -> None:
    for _ in range(int(seconds * 10)):
        if page.evaluate(script):
            return
        page.wait_for_timeout(100)
    raise SystemExit(f"the page never came to {script}")


def main() -> None:
    from playwright.sync_api import sync_playwright

    if not (WORK / "codes").exists():
        raise SystemExit("runs/gallery/codes is not there: `python docs/gallery.py` makes it first")
    TO.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "narrows", "studio", "codes", "--no-browser", "--port", "0"]
    server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=WORK)
    try:
        assert server.stdout is not None
        address = next(
            found[0] for line in server.stdout if (found := re.search(r"http://\S+", line))
        )
        with sync_playwright() as driver:
            browser = driver.chromium.launch(
                executable_path=shutil.which("chromium"), args=["--no-sandbox"]
            )
            page = browser.new_page(viewport=SIZE)
            page.goto(address)
            page.get_by_role("navigation", name="Rooms").wait_for()
            wait(page, "globalThis.narrowsPlane?.cells.size > 20")
            for name, shown in ROOMS.items():
                page.get_by_role("link", name=name, exact=True).click()
                shown(page)
                wait(page, LOADED)
                page.wait_for_timeout(QUIET)
                kept = TO / f"{name.lower().replace(' ', '-')}.webp"
                Image.open(io.BytesIO(page.screenshot())).save(kept, quality=80, method=6)
                print(
                    f"{kept.relative_to(DOCS.parent)}, {kept.stat().st_size // 1024} KiB",
                    flush=True,
                )
            browser.close()
    finally:
        server.send_signal(signal.SIGINT)
        server.wait(60)


if __name__ == "__main__":
    main()
