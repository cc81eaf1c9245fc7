"""How fast the studio is on a collection, as a person in a browser meets it; prints JSON.

    python benchmarks/studio_speed.py COLLECTION
    python benchmarks/studio_speed.py --made 1000000     # points of forty clusters, one thumbnail for all
    python benchmarks/studio_speed.py COLLECTION --beside package     # Embedding Atlas: see studio_beside.py

Needs the extra studio, Playwright and Debian's Chromium. Milliseconds are of the whole machine, so nothing else
should run on it.
"""

from __future__ import annotations

import argparse
import json
import re
import shutil
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from measuring import studio_of
from studio_beside import atlas

FLAGS = (
    "--headless --no-sandbox --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync"
).split()
MOVE = """async () => {
  const p = narrowsPlane, began = performance.now();
  let frames = 0, drawing = 0;
  for (let now = began; now - began < 3000; now = performance.now()) {
    p.zoom(p.width / 2, p.height / 2, now - began < 1500 ? 1.03 : 1 / 1.03);
    p.left += 3 * Math.sin((now - began) / 150);
    p.ask();
    await new Promise(resolve => requestAnimationFrame(resolve));
    frames++;
    drawing += p.took;
  }
  p.fit();
  return { fps: frames / 3, drawing_ms: drawing / frames };
}"""
CLICK = """async () => {
  const p = narrowsPlane, c = p.canvas, box = c.getBoundingClientRect(), times = [];
  c.setPointerCapture = () => {};
  for (let k = 0; k < 5; k++) {
    document.querySelector(".panel .close")?.click();
    while (document.querySelector(".panel")) await new Promise(resolve => setTimeout(resolve, 2));
    const rows = p.cells.size ? [...p.cells.values()] : [...p.bins.items.slice(0, 5000)];
    const [x, y] = p.markOf(rows[Math.floor((rows.length * (k + 0.5)) / 5)], p.cells.size > 0);
    const at = { clientX: x + box.left, clientY: y + box.top, pointerId: 1, bubbles: true };
    const began = performance.now();
    c.dispatchEvent(new PointerEvent("pointerdown", at));
    c.dispatchEvent(new PointerEvent("pointerup", at));
    while (!document.querySelector(".panel .tile") && performance.now() - began < 5000)
      await new Promise(resolve => setTimeout(resolve, 2));
    times.push(performance.now() - began);
  }
  return times.sort((a, b) => a - b)[2];
}"""
LASSO = """() => {
  const p = narrowsPlane, [x0, y0, x1, y1] = p.extent;
  const x = p.left + (p.scale * (x0 + x1)) / 2, y = p.top + (p.scale * (y0 + y1)) / 2;
  for (let r = 40; r < 800; r *= 1.1) {
    const ring = Array.from({ length: 90 }, (_, k) => [x + r * Math.cos(k / 14.3), y + r * Math.sin(k / 14.3)]);
    const began = performance.now(), rows = p.inside(ring);
    if (rows.length < 10000) continue;
    p.tell.lasso(rows, {});
    p.draw(performance.now());
    return { rows: rows.length, ms: performance.now() - began };
  }
  return null;
}"""


def made(n: int, folder: Path) -> Path:
    """A collection of n made codes."""
    import pyarrow as pa
    import torch

    from narrows.collection import About, Collection
    from narrows.images.thumbnails import thumbnail

    rng = np.random.default_rng(0)
    centres = rng.normal(size=(40, 16)) * 4
    small = thumbnail(torch.from_numpy(rng.integers(0, 255, (3, 28, 28), np.uint8)))
    collection = Collection.create(folder, About("0" * 16, "", (16,), shape=(3, 28, 28)))
    collection.add_columns({"label": pa.string()})
    for low in range(0, n, 50_000):
        m = min(50_000, n - low)
        which = rng.integers(40, size=m)
        ids = [f"p{i}" for i in range(low, low + m)]
        codes = (centres[which] + rng.normal(size=(m, 16))).astype(np.float32)
        labels = [f"cluster {k}" for k in which]
        rows = {"id": ids, "code": codes, "hash": ids, "thumbnail": [small] * m, "label": labels}
        collection.add(rows)
    collection.commit()
    collection.optimize()
    return folder


def measured(source: Path, package: Path | None = None) -> dict[str, Any]:
    """A studio of its own process, a browser on it, and what the two take."""
    from playwright.sync_api import sync_playwright

    program = shutil.which("chromium")
    found: dict[str, Any] = {}
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=program, args=FLAGS)
        page = browser.new_page(viewport={"width": 1280, "height": 800})
        began = time.monotonic()  # as with a browser that is open already
        with studio_of(source) as (pid, address):
            page.goto(address)
            page.get_by_role("navigation", name="Rooms").wait_for()
            found["first_page_s"] = time.monotonic() - began
            drawn = "(globalThis.narrowsPlane?.frames ?? 0) > 0"
            while not page.evaluate(drawn):
                page.wait_for_timeout(20)
            found["first_map_s"] = time.monotonic() - began
            page.reload()
            while not page.evaluate(drawn):
                page.wait_for_timeout(5)
            found["points"] = page.evaluate("narrowsPlane.n")
            found["first_draw_after_load_ms"] = page.evaluate("performance.now()")
            waiting = "[...narrowsPlane.sheets.values()].some(sheet => !sheet.ready)"
            page.wait_for_timeout(500)
            while page.evaluate(waiting):
                page.wait_for_timeout(100)
            page.evaluate(MOVE)  # once to warm up
            found["pictures"] = page.evaluate(MOVE)
            page.evaluate("narrowsPlane.look = 'dots'")
            found["dots"] = page.evaluate(MOVE)
            page.evaluate("narrowsPlane.look = 'pictures'; narrowsPlane.fit()")
            page.wait_for_timeout(300)
            found["click_to_neighbours_ms"] = page.evaluate(CLICK)
            found["lasso"] = page.evaluate(LASSO)
            if package is not None:
                found["embedding_atlas"] = atlas(browser, package, *points(page))
            browser.close()
            status = Path(f"/proc/{pid}/status").read_text()
            found["server_mib"] = int(re.search(r"VmHWM:\s+(\d+)", status)[1]) // 1024  # type: ignore[index]
    return found


def points(page: Any) -> tuple[Any, Any]:
    """What the map shows, within ±1."""
    xy = np.array(page.evaluate("[...narrowsPlane.xy]"), np.float32).reshape(-1, 2)
    xy = 2 * (xy - xy.min(0)) / np.ptp(xy, axis=0).max() - 1
    return xy[:, 0], -xy[:, 1]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("collection", nargs="?", type=Path)
    parser.add_argument("--made", type=int, help="make a collection of so many points")
    parser.add_argument("--beside", type=Path, help="an unpacked embedding-atlas 0.23 of npm")
    given = parser.parse_args()
    if (given.collection is None) == (given.made is None):
        parser.error("name a collection, or --made N")
    with tempfile.TemporaryDirectory() as folder:
        source = given.collection or made(given.made, Path(folder) / "made")
        print(json.dumps(measured(source, given.beside), indent=2))
