"""Parts of a report page that move: each is markup that stands alone and loads nothing.

slider(before, after)    one picture over the other, cut where the reader drags
plane(pictures)          a sheet of pictures; the one under the pointer is drawn large, mixed of its
                         four neighbours on the sheet
film(frames)             an animation
framed(page)             another whole page within this one, such as a map
bars(rows)               a bar for each name
"""

from __future__ import annotations

import base64
import html
import io
from collections.abc import Sequence
from typing import Any

import numpy as np

from .animation import animation
from .grids import _as_bytes, _pictures
from .png import png

__all__ = ["LIVE_STYLE", "bars", "enlarged", "film", "framed", "plane", "slider", "tiles"]

Array = np.ndarray[Any, Any]


def enlarged(pictures: Any, side: int) -> Array:
    """Pictures (N, C, H, W) smoothly enlarged to about ``side`` pixels: uint8 (N, h, w, 3)."""
    from PIL import Image

    cells = [_as_bytes(each) for each in _pictures(pictures)]
    height, width = cells[0].shape[:2]
    grow = max(1.0, side / max(height, width))
    size = round(width * grow), round(height * grow)
    resized = [Image.fromarray(each).resize(size, Image.Resampling.BICUBIC) for each in cells]
    return np.stack([np.asarray(each) for each in resized])


def tiles(pictures: Any, columns: int, side: int = 112, gap: int = 6) -> Array:
    """Enlarged pictures in rows on white, uint8 (H, W, 3)."""
    cells = enlarged(pictures, side)
    n, height, width = cells.shape[:3]
    down = -(-n // columns)
    out = np.full((down * (height + gap) - gap, columns * (width + gap) - gap, 3), 255, np.uint8)
    for i, cell in enumerate(cells):
        y, x = i // columns * (height + gap), i % columns * (width + gap)
        out[y : y + height, x : x + width] = cell
    return out


def slider(before: Array, after: Array, names: tuple[str, str], alt: str) -> str:
    """Two pictures uint8 (H, W, 3) of one size, the first left of a line that the reader drags."""
    left, right = (_source(png(each)) for each in (before, after))
    one, other = (html.escape(name) for name in names)
    return f"""<div class="slider" style="--cut:50%">
<img src="{right}" alt="{html.escape(alt)}"><img class="before" src="{left}" alt="">
<span class="line"></span><span class="name">{one}</span><span class="name other">{other}</span>
<input type="range" min="0" max="100" value="50" aria-label="{one} or {other}"
oninput="this.parentNode.style.setProperty('--cut', this.value + '%')">
</div>"""


def plane(pictures: Any, name: str, alt: str, side: int = 340) -> str:
    """R × R pictures (R·R, C, H, W), row after row: a sheet, and the place under the pointer large.

    Between the pictures of the sheet the browser mixes the four around the pointer.

    Raises:
        ValueError: no square of pictures.
    """
    shown = _pictures(pictures)
    across = round(len(shown) ** 0.5)
    if across < 2 or across**2 != len(shown):
        raise ValueError(
            f"a plane is R × R pictures, R of at least 2; we got {len(shown)} pictures"
        )
    cells = np.stack([_as_bytes(each) for each in shown])
    height, width = cells.shape[1:3]
    sheet = cells.reshape(across, across, height, width, 3).transpose(0, 2, 1, 3, 4)
    sheet = sheet.reshape(across * height, across * width, 3)
    grow = max(1, round(side / max(height, width)))
    script = PLANE.replace("@R@", str(across)).replace("@W@", str(width))
    script = script.replace("@H@", str(height)).replace("@G@", str(grow))
    return f"""<div class="plane">
<div class="pad" tabindex="0" role="application" aria-label="{html.escape(alt)}">
<img src="{_source(_jpeg(sheet), "jpeg")}" alt="{html.escape(alt)}" draggable="false"><i></i></div>
<figure><canvas width="{width * grow}" height="{height * grow}"></canvas>
<figcaption>{html.escape(name)}</figcaption></figure>
<script>{script}</script>
</div>"""


def film(frames: Any, alt: str, *, seconds: float = 0.07) -> str:
    """Frames uint8 (F, H, W, 3) as an animation, there and back."""
    source = _source(animation(frames, seconds=seconds), "webp")
    return f'<figure><img src="{source}" alt="{html.escape(alt)}"></figure>'


def framed(page: str, title: str) -> str:
    """Another whole page in a frame of this one."""
    return (
        f'<iframe class="page" title="{html.escape(title)}" sandbox="allow-scripts" '
        f'srcdoc="{html.escape(page)}"></iframe>'
    )


def bars(rows: Sequence[tuple[str, float, str]]) -> str:
    """Bars of (name, length from 0 to 1, what stands at its end); the first is ours."""
    lines = [
        f'<div class="bar{" ours" if i == 0 else ""}"><b>{html.escape(name)}</b>'
        f'<span><i style="width:{100 * max(0.0, min(1.0, share)):.1f}%"></i></span>'
        f"<em>{html.escape(told)}</em></div>"
        for i, (name, share, told) in enumerate(rows)
    ]
    return f'<div class="bars">{"".join(lines)}</div>'


def _source(content: bytes, kind: str = "png") -> str:
    return f"data:image/{kind};base64,{base64.b64encode(content).decode()}"


def _jpeg(pixels: Array) -> bytes:
    from PIL import Image

    out = io.BytesIO()
    Image.fromarray(pixels).save(out, "JPEG", quality=90, subsampling=0)
    return out.getvalue()


PLANE = """(() => {
const box = document.currentScript.parentNode, pad = box.querySelector(".pad"), mark = pad.querySelector("i");
const sheet = pad.querySelector("img"), canvas = box.querySelector("canvas"), to = canvas.getContext("2d");
const R = @R@, W = @W@, H = @H@, G = @G@;
let u = .5, v = .5, held = false;
const small = document.createElement("canvas"); small.width = W; small.height = H;
const pen = small.getContext("2d");
function draw() {
  const x = u * (R - 1), y = v * (R - 1), c = Math.min(R - 2, Math.floor(x)), r = Math.min(R - 2, Math.floor(y));
  pen.globalCompositeOperation = "source-over"; pen.globalAlpha = 1; pen.fillStyle = "#000"; pen.fillRect(0, 0, W, H);
  pen.globalCompositeOperation = "lighter";
  for (const [i, j] of [[0, 0], [0, 1], [1, 0], [1, 1]]) {
    pen.globalAlpha = (i ? y - r : 1 - y + r) * (j ? x - c : 1 - x + c);
    if (pen.globalAlpha > 0) pen.drawImage(sheet, (c + j) * W, (r + i) * H, W, H, 0, 0, W, H);
  }
  to.imageSmoothingQuality = "high"; to.drawImage(small, 0, 0, W * G, H * G);
  mark.style.left = 100 * (u * (R - 1) + .5) / R + "%"; mark.style.top = 100 * (v * (R - 1) + .5) / R + "%";
}
function move(e) {
  const b = sheet.getBoundingClientRect(), cut = t => Math.min(1, Math.max(0, t));
  u = cut(((e.clientX - b.left) / b.width * R - .5) / (R - 1));
  v = cut(((e.clientY - b.top) / b.height * R - .5) / (R - 1));
  draw();
}
pad.addEventListener("pointerdown", e => { held = true; pad.setPointerCapture(e.pointerId); move(e); });
pad.addEventListener("pointermove", e => { if (held || e.pointerType === "mouse") move(e); });
pad.addEventListener("pointerup", () => { held = false; });
pad.addEventListener("keydown", e => {
  const step = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[e.key];
  if (!step) return;
  u = Math.min(1, Math.max(0, u + step[0] / 40)); v = Math.min(1, Math.max(0, v + step[1] / 40));
  draw(); e.preventDefault();
});
if (sheet.complete) draw(); else sheet.addEventListener("load", draw);
})();"""

LIVE_STYLE = """
.slider { position: relative; margin: 1.6rem 0 .8rem; touch-action: pan-y; }
.slider img { display: block; width: 100%; border-radius: 6px; }
.slider .before { position: absolute; inset: 0; height: 100%; clip-path: inset(0 calc(100% - var(--cut)) 0 0); }
.slider .line { position: absolute; top: 0; bottom: 0; left: var(--cut); width: 3px; margin-left: -1.5px; background: var(--accent); }
.slider .line::after { content: "‹ ›"; position: absolute; left: -14.5px; top: calc(50% - 16px); width: 32px; height: 32px; border-radius: 50%; background: var(--accent); color: #fff; font: 600 15px/30px sans-serif; text-align: center; }
.slider .name { position: absolute; bottom: .5rem; left: .5rem; background: #000a; color: #fff; font-size: .78rem; padding: .1rem .5rem; border-radius: 4px; }
.slider .other { left: auto; right: .5rem; }
.slider input { position: absolute; inset: 0; width: 100%; height: 100%; margin: 0; opacity: 0; cursor: ew-resize; }
.slider:focus-within .line { outline: 2px solid var(--ink); }
.plane { display: grid; grid-template-columns: 1fr 1fr; gap: 1.2rem; align-items: start; margin: 1.6rem 0 2rem; }
.plane figure { margin: 0; }
.pad { position: relative; touch-action: none; cursor: crosshair; user-select: none; }
.pad img, .plane canvas { display: block; width: 100%; height: auto; border-radius: 6px; border: 1px solid var(--rule); }
.pad i { position: absolute; width: 18px; height: 18px; margin: -9px; border: 3px solid var(--accent); border-radius: 50%; box-shadow: 0 0 0 2px #fffc; pointer-events: none; }
iframe.page { width: 100%; height: 32rem; border: 1px solid var(--rule); border-radius: 6px; margin: 1.2rem 0; }
.bars { margin: 1.4rem 0; font-size: .9rem; }
.bar { display: grid; grid-template-columns: 7rem 1fr 12rem; gap: .8rem; align-items: center; margin: .4rem 0; }
.bar b { font-weight: 500; }
.bar span { background: var(--block); border-radius: 4px; }
.bar i { display: block; height: 1.5rem; border-radius: 4px; background: var(--quiet); }
.bar.ours i { background: var(--accent); } .bar.ours b { font-weight: 700; }
.bar em { font-style: normal; font-variant-numeric: tabular-nums; color: var(--quiet); }
@media (max-width: 40rem) { .bar { grid-template-columns: 5rem 1fr; } .bar em { grid-column: 2; } }
"""
