"""The same points in Embedding Atlas 0.23 (MIT; the last that draws without WebGPU), beside the studio.

    npm pack embedding-atlas@0.23.0 && tar xzf embedding-atlas-0.23.0.tgz
    python benchmarks/studio_speed.py COLLECTION --beside package

Its view is bundled by the esbuild of ``web/``, without the database that only its other parts need, and
given the points that the studio's map shows. A frame counts when something was drawn in it.
"""

from __future__ import annotations

import base64
import subprocess
import tempfile
from pathlib import Path
from typing import Any

WEB = Path(__file__).parents[1] / "web"
NONE = (
    "export const coordinator = () => null, isSelection = () => false, makeClient = () => null;\n"
)
ENTRY = """
import { EmbeddingView } from "PACKAGE/dist/component.js";
let drawn = 0;
const pen = WebGL2RenderingContext.prototype;
for (const name of ["drawArrays", "drawArraysInstanced", "drawElements", "drawElementsInstanced"]) {
  const real = pen[name];
  pen[name] = function (...given) { drawn++; return real.apply(this, given); };
}
const frame = () => new Promise(resolve => requestAnimationFrame(resolve));
const floats = text => new Float32Array(Uint8Array.from(atob(text), c => c.charCodeAt(0)).buffer);
window.begin = async (x, y) => {
  const data = { x: floats(x), y: floats(y), category: null }, began = performance.now();
  window.view = new EmbeddingView(document.body, {
    data, width: 1280, height: 760, pixelRatio: 1, config: { autoLabelEnabled: false, mode: "points" },
    onViewportState: state => (window.state = state),
  });
  while (!drawn && performance.now() - began < 30000) await frame();
  await frame();
  return performance.now() - began;
};
window.move = async () => {
  const began = performance.now();
  let frames = 0, last = drawn;
  for (let now = began; now - began < 3000; now = performance.now()) {
    const t = (now - began) / 1500, scale = 1.03 ** (30 * (t < 1 ? t : 2 - t));
    window.view.update({ viewportState: { x: 0.02 * Math.sin((now - began) / 150), y: 0, scale } });
    await frame();
    if (drawn !== last) { frames++; last = drawn; }
  }
  return frames / 3;
};
"""


def atlas(browser: Any, package: Path, x: Any, y: Any) -> dict[str, float]:
    """Milliseconds to its first frame of points within ±1, and frames a second while it moves."""
    with tempfile.TemporaryDirectory() as folder:
        entry, stub = Path(folder) / "entry.js", Path(folder) / "none.js"
        entry.write_text(ENTRY.replace("PACKAGE", str(package.resolve())))
        stub.write_text(NONE)
        made = subprocess.run(
            [
                WEB / "node_modules/.bin/esbuild", entry, "--bundle", "--format=iife",
                f"--alias:@uwdata/mosaic-core={stub}", f"--alias:@uwdata/mosaic-sql={stub}",
                "--log-level=error",
            ],
            capture_output=True, check=True, text=True,
        ).stdout  # fmt: skip
    page = browser.new_page(viewport={"width": 1280, "height": 800})
    page.set_content("<!doctype html><body style='margin:0'></body>")
    page.add_script_tag(content=made)
    texts = [base64.b64encode(values.astype("<f4").tobytes()).decode() for values in (x, y)]
    first = page.evaluate("([x, y]) => begin(x, y)", texts)
    page.wait_for_timeout(500)
    page.evaluate("move()")
    found = {"first_draw_ms": first, "fps": page.evaluate("move()")}
    page.close()
    return found
