"""A map as one HTML file to explore: it loads nothing from outside.

points ──16 bits each──┐
names, labels ──JSON───┼──► one file: a canvas; pan, zoom, a picture wherever the pointer is
thumbnails ──JPEG──────┘

Thumbnails lie in sheets of 1,024; the browser decodes a sheet when a picture of it is first shown.
"""

from __future__ import annotations

import base64
import html
import io
import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from .maps import colouring, label_text

__all__ = ["map_page"]

Array = np.ndarray[Any, Any]

ACROSS = 32  # thumbnails along a sheet's side
QUALITY = 82


def map_page(
    title: str,
    points: Mapping[str, Any],
    thumbnails: Any,
    names: Sequence[str],
    labels: Any = None,
    *,
    notes: Mapping[str, str] | None = None,
    label_name: str = "",
    root: str | None = None,
) -> str:
    """The whole HTML file as text.

    Args:
        title: its heading.
        points: each map's name and its points (N, 2), the one shown first first.
        thumbnails: uint8 (N, C, h, w).
        names: N names of the pictures.
        labels: (N,), names or numbers, which the colours are of.
        notes: what stands below the map's name.
        label_name: what the labels are.
        root: the address of the folder that the names are files of, relative to the page; a click then
            opens a picture's file.

    Raises:
        ValueError: no map, or not as many points, names and labels as thumbnails.
    """
    small = np.asarray(thumbnails)
    n = len(small)
    layouts = {key: np.asarray(rows, np.float64) for key, rows in points.items()}
    shapes = {rows.shape for rows in layouts.values()} | {(len(names), 2)}
    if labels is not None:
        shapes |= {(len(labels), 2)}
    if not layouts or small.ndim != 4 or small.dtype != np.uint8 or shapes != {(n, 2)}:
        raise ValueError(
            "a page needs a point (N, 2), a name and a thumbnail uint8 (N, C, h, w) of each picture; "
            f"we got {sorted(shapes)} and {small.dtype} {small.shape}"
        )
    colours = colouring(labels, n)
    document = {
        "n": n,
        "maps": [
            {"name": key, "note": (notes or {}).get(key, ""), "points": _sixteen_bits(rows)}
            for key, rows in layouts.items()
        ],
        "names": [str(name) for name in names],
        "label": label_name,
        "labels": None if labels is None else [label_text(v) for v in np.asarray(labels).tolist()],
        "classes": list(colours.names),
        "colours": list(colours.colours),
        "which": base64.b64encode(colours.which.astype(np.uint8).tobytes()).decode(),
        "scale": colours.numbers,
        "root": root,
        "across": ACROSS,
        "size": [small.shape[3], small.shape[2]],
        "sheets": [_sheet(small[a : a + ACROSS**2]) for a in range(0, n, ACROSS**2)],
    }
    filled = {"@TITLE@": html.escape(title), "@DATA@": _embedded(document)}
    return re.sub("@TITLE@|@DATA@", lambda match: filled[match[0]], PAGE)


def _embedded(document: Any) -> str:
    """JSON that cannot end the element that it stands in, whatever the names say."""
    text = json.dumps(document, separators=(",", ":"), allow_nan=False)  # ASCII only
    return text.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e")


def _sixteen_bits(rows: Array) -> str:
    """Points within a square, x and y in turn, each from 0 to 65,535; y grows downwards."""
    low, high = rows.min(0), rows.max(0)
    side = float((high - low).max()) or 1.0
    even = (rows - (low + high) / 2) / side + 0.5
    even[:, 1] = 1 - even[:, 1]
    return base64.b64encode(np.rint(even * 65535).astype("<u2").tobytes()).decode()


def _sheet(small: Array) -> str:
    """Up to 1,024 thumbnails as one JPEG, row after row."""
    from PIL import Image

    n, channels, h, w = small.shape
    down = -(-n // ACROSS)
    shown = small if channels == 3 else small[:, :1]
    sheet = np.zeros((down * ACROSS, shown.shape[1], h, w), np.uint8)
    sheet[:n] = shown
    mosaic = sheet.reshape(down, ACROSS, -1, h, w).transpose(0, 3, 1, 4, 2)
    mosaic = mosaic.reshape(down * h, ACROSS * w, -1)
    out = io.BytesIO()
    image = Image.fromarray(mosaic[:, :, 0] if mosaic.shape[2] == 1 else mosaic)
    image.save(out, format="JPEG", quality=QUALITY, subsampling=0)
    return base64.b64encode(out.getvalue()).decode()


PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'unsafe-inline'">
<title>@TITLE@</title>
<style>
:root { --paper: #fdfdfc; --ink: #1c1e21; --quiet: #62676f; --rule: #e2e3e1; --accent: #1f6fb4; }
@media (prefers-color-scheme: dark) {
  :root { --paper: #16181b; --ink: #e6e7e9; --quiet: #9aa0a8; --rule: #2e3237; --accent: #6db1ec; }
}
* { box-sizing: border-box; }
html, body { height: 100%; }
body {
  margin: 0; background: var(--paper); color: var(--ink); overflow: hidden;
  font: 15px/1.45 ui-sans-serif, system-ui, -apple-system, "Segoe UI", Roboto, sans-serif;
}
canvas { position: fixed; inset: 0; width: 100%; height: 100%; touch-action: none; cursor: grab; outline: none; }
canvas.held { cursor: grabbing; }
header { position: fixed; left: 1.2rem; top: 1rem; max-width: min(34rem, 60vw); pointer-events: none; }
h1 { font-size: 1.2rem; line-height: 1.25; letter-spacing: -.012em; margin: 0; font-weight: 660; overflow-wrap: anywhere; }
#note { color: var(--quiet); font-size: .84rem; margin: .25rem 0 .6rem; }
#maps { pointer-events: auto; }
button { font: inherit; color: inherit; background: none; border: 0; padding: 0; cursor: pointer; }
#maps button { border: 1px solid var(--rule); background: var(--paper); padding: .2rem .7rem; font-size: .85rem; }
#maps button:first-child { border-radius: 6px 0 0 6px; }
#maps button:last-child { border-radius: 0 6px 6px 0; border-left: 0; }
#maps button:only-child { display: none; }
#maps button[aria-pressed=true] { background: var(--accent); border-color: var(--accent); color: #fff; }
#legend {
  position: fixed; right: 1rem; top: 1rem; max-height: calc(100% - 4.5rem); max-width: 15rem; overflow-y: auto;
  background: color-mix(in srgb, var(--paper) 88%, transparent); border-radius: 8px; padding: .5rem .8rem; font-size: .85rem;
}
#legend:empty { display: none; }
#legend b { display: block; font-weight: 500; color: var(--quiet); margin-bottom: .2rem; }
#legend button { display: block; width: 100%; text-align: left; padding: .08rem 0; overflow-wrap: anywhere; }
#legend button.off { opacity: .32; }
#legend i { display: inline-block; width: .66em; height: .66em; border-radius: 50%; margin-right: .5em; }
#bar { width: 9rem; height: .7rem; border-radius: 3px; }
#ends { display: flex; justify-content: space-between; color: var(--quiet); }
#card {
  position: fixed; display: none; pointer-events: none; background: var(--paper); border: 1px solid var(--rule);
  border-radius: 8px; padding: .5rem; box-shadow: 0 4px 18px rgb(0 0 0 / .16); font-size: .84rem; line-height: 1.35; max-width: 14rem;
}
#card canvas { position: static; display: block; width: auto; height: auto; border-radius: 4px; image-rendering: pixelated; }
#card div { overflow-wrap: anywhere; margin-top: .35rem; }
#card span { color: var(--quiet); }
#help { position: fixed; left: 1.2rem; bottom: .8rem; color: var(--quiet); font-size: .8rem; pointer-events: none; }
#help button { pointer-events: auto; text-decoration: underline; text-underline-offset: .15em; }
:focus-visible { outline: 2px solid var(--accent); outline-offset: 2px; }
</style>
</head>
<body>
<canvas id="map" tabindex="0" role="img" aria-label="@TITLE@"></canvas>
<header><h1>@TITLE@</h1><p id="note"></p><div id="maps"></div></header>
<div id="legend"></div>
<div id="help"><span id="count"></span> · drag to move, scroll to zoom<span id="opens"></span> · <button id="whole">show all</button></div>
<div id="card"><canvas></canvas><div></div><span></span></div>
<script type="application/json" id="data">@DATA@</script>
<script>
"use strict";
const D = JSON.parse(document.getElementById("data").textContent);
const N = D.n, at = id => document.getElementById(id);
const bytes = text => Uint8Array.from(atob(text), c => c.charCodeAt(0));
const which = bytes(D.which);
const maps = D.maps.map(map => {
  const raw = new Uint16Array(bytes(map.points).buffer), xy = new Float32Array(2 * N);
  for (let i = 0; i < 2 * N; i++) xy[i] = raw[i] / 65535;
  return { name: map.name, note: map.note, xy };
});
const canvas = at("map"), pen = canvas.getContext("2d");
const hidden = new Uint8Array(256);
let shown = 0, xy = maps[0].xy, from = null, began = 0;
let scale = 1, left = 0, top_ = 0, width = 0, height = 0, ratio = 1, over = -1, asked = false;

// points in the order of their colours, so that the pen changes its colour seldom
const order = new Uint32Array(N), starts = new Uint32Array(D.colours.length + 1);
for (let i = 0; i < N; i++) starts[which[i] + 1]++;
for (let c = 0; c < D.colours.length; c++) starts[c + 1] += starts[c];
{ const next = starts.slice(); for (let i = 0; i < N; i++) order[next[which[i]]++] = i; }

// cells of the plane with the points in each, so that the pointer finds its point at once
const SIDE = Math.max(1, Math.min(512, Math.ceil(Math.sqrt(N / 2))));
let cells = null;
function cell(v) { return Math.min(SIDE - 1, Math.max(0, Math.floor(v * SIDE))); }
function sorted() {
  const first = new Uint32Array(SIDE * SIDE + 1), items = new Uint32Array(N), to = maps[shown].xy;
  const of = i => cell(to[2 * i + 1]) * SIDE + cell(to[2 * i]);
  for (let i = 0; i < N; i++) first[of(i) + 1]++;
  for (let c = 0; c < SIDE * SIDE; c++) first[c + 1] += first[c];
  const next = first.slice();
  for (let i = 0; i < N; i++) items[next[of(i)]++] = i;
  return { first, items };
}
function nearest(x, y) {
  if (from) return -1;
  const reach = Math.max(14, room() / 2) / scale, u = (x - left) / scale, v = (y - top_) / scale;
  let best = -1, least = reach * reach;
  for (let row = cell(v - reach); row <= cell(v + reach); row++)
    for (let column = cell(u - reach); column <= cell(u + reach); column++) {
      const c = row * SIDE + column;
      for (let k = cells.first[c]; k < cells.first[c + 1]; k++) {
        const i = cells.items[k];
        if (hidden[which[i]]) continue;
        const dx = xy[2 * i] - u, dy = xy[2 * i + 1] - v, far = dx * dx + dy * dy;
        if (far < least) { least = far; best = i; }
      }
    }
  return best;
}

function ask() { if (!asked) { asked = true; requestAnimationFrame(draw); } }
function draw(now) {
  asked = false;
  if (from) {  // on the way from one map to another
    const t = Math.min(1, Math.max(0, (now - began) / 600)), s = t * t * (3 - 2 * t), to = maps[shown].xy;
    if (t < 1) { for (let i = 0; i < 2 * N; i++) xy[i] = from[i] + s * (to[i] - from[i]); ask(); }
    else { xy = to; from = null; }
  }
  pen.setTransform(ratio, 0, 0, ratio, 0, 0);
  pen.clearRect(0, 0, width, height);
  const whole = Math.min(width, height), zoom = scale / whole;
  const side = from ? 0 : room();
  if (side) { pictures(side); return; }
  const r = Math.min(7, Math.max(0.8, (N < 3000 ? 3.2 : N < 20000 ? 2.2 : 1.1) * Math.pow(zoom, 0.35)));
  pen.globalAlpha = N > 20000 ? 0.75 : 0.85;
  for (let c = 0; c < D.colours.length; c++) {
    if (hidden[c]) continue;
    const round = N <= 20000 || r > 2.5, stamp = round ? dot(D.colours[c], r) : null;
    pen.fillStyle = D.colours[c];
    for (let k = starts[c]; k < starts[c + 1]; k++) {
      const i = order[k], x = left + scale * xy[2 * i], y = top_ + scale * xy[2 * i + 1];
      if (x < -9 || y < -9 || x > width + 9 || y > height + 9) continue;
      if (round) pen.drawImage(stamp, x - r - 1, y - r - 1, 2 * r + 2, 2 * r + 2);
      else pen.fillRect(x - r, y - r, 2 * r, 2 * r);
    }
  }
  pen.globalAlpha = 1;
  if (over >= 0) {
    pen.beginPath();
    pen.arc(left + scale * xy[2 * over], top_ + scale * xy[2 * over + 1], r + 3.5, 0, 7);
    pen.lineWidth = 2; pen.strokeStyle = getComputedStyle(document.body).color; pen.stroke();
  }
}
// whether the points in view are so few that their pictures fit: their side in pixels, else 0
function inView(i, margin) {
  const x = left + scale * xy[2 * i], y = top_ + scale * xy[2 * i + 1];
  return x > -margin && y > -margin && x < width + margin && y < height + margin;
}
function room() {
  if (scale < 1.6 * Math.min(width, height)) return 0;
  let count = 0;
  for (let i = 0; i < N; i++) if (!hidden[which[i]] && inView(i, 0)) count++;
  if (!count || count > 600) return 0;
  const side = Math.min(128, Math.sqrt(0.4 * width * height / count));
  return side < 28 ? 0 : side;
}
function pictures(side) {
  const [w, h] = D.size, k = side / Math.max(w, h);
  for (let n = 0; n < N; n++) {
    const i = order[n];
    if (hidden[which[i]] || !inView(i, side)) continue;
    const x = left + scale * xy[2 * i] - k * w / 2, y = top_ + scale * xy[2 * i + 1] - k * h / 2;
    const edge = i === over ? 4 : 2;
    pen.fillStyle = D.colours[which[i]];
    pen.fillRect(x - edge, y - edge, k * w + 2 * edge, k * h + 2 * edge);
    const s = Math.floor(i / per), j = i % per;
    if (!sheets[s] || !sheets[s].complete) { picture(i, ask); continue; }
    pen.drawImage(sheets[s], (j % D.across) * w, Math.floor(j / D.across) * h, w, h, x, y, k * w, k * h);
  }
}
function dot(colour, r) {
  const stamp = document.createElement("canvas"), side = Math.ceil((2 * r + 2) * ratio);
  stamp.width = stamp.height = side;
  const own = stamp.getContext("2d");
  own.fillStyle = colour; own.beginPath(); own.arc(side / 2, side / 2, r * ratio, 0, 7); own.fill();
  return stamp;
}

// a sheet of thumbnails is decoded when one of its pictures is first shown
const sheets = D.sheets.map(() => null), per = D.across * D.across;
function picture(i, then) {
  const s = Math.floor(i / per);
  if (!sheets[s]) { sheets[s] = new Image(); sheets[s].src = "data:image/jpeg;base64," + D.sheets[s]; }
  if (sheets[s].complete) then(sheets[s]);
  else sheets[s].addEventListener("load", () => then(sheets[s]), { once: true });
}
const card = at("card"), [view, name_, label_] = card.children;
function show(i, x, y) {
  if (i !== over) { over = i; ask(); }
  if (i < 0) { card.style.display = "none"; return; }
  const [w, h] = D.size, k = Math.max(1, Math.round(128 / Math.max(w, h)));
  view.style.width = w * k + "px"; view.style.height = h * k + "px";
  picture(i, sheet => {
    if (over !== i) return;
    view.width = w; view.height = h;
    const j = i % per;
    view.getContext("2d").drawImage(sheet, (j % D.across) * w, Math.floor(j / D.across) * h, w, h, 0, 0, w, h);
  });
  name_.textContent = D.names[i];
  label_.textContent = D.labels ? (D.label ? D.label + ": " : "") + (D.labels[i] || "–") : "";
  card.style.display = "block";
  const box = card.getBoundingClientRect();
  card.style.left = (x + 18 + box.width > width ? x - 18 - box.width : x + 18) + "px";
  card.style.top = Math.max(8, Math.min(y + 14, height - box.height - 8)) + "px";
}

function fit() {
  const pad = 28, head = 96;
  scale = Math.max(80, Math.min(width - 2 * pad, height - head - 44));
  left = (width - scale) / 2; top_ = head + (height - head - 44 - scale) / 2;
  ask();
}
function resize() {
  const first = !width;
  ratio = window.devicePixelRatio || 1;
  width = innerWidth; height = innerHeight;
  canvas.width = width * ratio; canvas.height = height * ratio;
  if (first) fit(); else ask();
}
function zoom(x, y, by) {
  const whole = Math.min(width, height), next = Math.min(whole * 400, Math.max(whole / 4, scale * by));
  left = x - (x - left) * next / scale; top_ = y - (y - top_) * next / scale; scale = next;
  ask();
}
const fingers = new Map();
let pressedAt = null;
canvas.addEventListener("pointerdown", e => {
  pressedAt = [e.clientX, e.clientY];
  canvas.setPointerCapture(e.pointerId);
  fingers.set(e.pointerId, [e.clientX, e.clientY]);
  canvas.classList.add("held");
});
canvas.addEventListener("pointermove", e => {
  const before = fingers.get(e.pointerId);
  if (before) {
    if (fingers.size === 2) {
      const other = [...fingers].find(([id]) => id !== e.pointerId)[1];
      const far = p => Math.hypot(p[0] - other[0], p[1] - other[1]) || 1;
      zoom(other[0], other[1], far([e.clientX, e.clientY]) / far(before));
    } else { left += e.clientX - before[0]; top_ += e.clientY - before[1]; ask(); }
    fingers.set(e.pointerId, [e.clientX, e.clientY]);
    if (e.pointerType === "mouse") show(-1);
  } else show(nearest(e.clientX, e.clientY), e.clientX, e.clientY);
});
function lifted(e) {
  fingers.delete(e.pointerId);
  if (!fingers.size) canvas.classList.remove("held");
}
canvas.addEventListener("pointerup", e => {
  lifted(e);
  const i = nearest(e.clientX, e.clientY);
  show(i, e.clientX, e.clientY);
  const still = pressedAt && Math.hypot(e.clientX - pressedAt[0], e.clientY - pressedAt[1]) < 4;
  if (D.root !== null && i >= 0 && still && e.pointerType === "mouse")
    window.open(D.root + "/" + D.names[i].split("/").map(encodeURIComponent).join("/"), "_blank");
});
canvas.addEventListener("pointercancel", lifted);
canvas.addEventListener("pointerleave", () => show(-1));
canvas.addEventListener("wheel", e => {
  e.preventDefault();
  const lines = e.deltaMode === 1 ? 24 : 1;
  zoom(e.clientX, e.clientY, Math.exp(-Math.max(-120, Math.min(120, e.deltaY * lines)) / 400));
  show(nearest(e.clientX, e.clientY), e.clientX, e.clientY);
}, { passive: false });
canvas.addEventListener("keydown", e => {
  const move = { ArrowLeft: [60, 0], ArrowRight: [-60, 0], ArrowUp: [0, 60], ArrowDown: [0, -60] }[e.key];
  if (move) { left += move[0]; top_ += move[1]; ask(); }
  else if (e.key === "+" || e.key === "=") zoom(width / 2, height / 2, 1.25);
  else if (e.key === "-") zoom(width / 2, height / 2, 0.8);
  else if (e.key === "0") fit();
  else return;
  e.preventDefault();
});
at("whole").addEventListener("click", fit);
addEventListener("resize", resize);

// the points in view stay in view, wherever the other map has them
function follow(k) {
  const to = maps[k].xy;
  let count = 0, seen = 0, x0 = 1, x1 = 0, y0 = 1, y1 = 0;
  for (let i = 0; i < N; i++) {
    if (hidden[which[i]]) continue;
    seen++;
    if (!inView(i, 0)) continue;
    count++;
    x0 = Math.min(x0, to[2 * i]); x1 = Math.max(x1, to[2 * i]);
    y0 = Math.min(y0, to[2 * i + 1]); y1 = Math.max(y1, to[2 * i + 1]);
  }
  if (!count || count > 0.9 * seen) { fit(); return; }
  const wide = Math.max(x1 - x0, 0.02), high = Math.max(y1 - y0, 0.02);
  const most = Math.min(width, height) * 400;
  scale = Math.min(most, (width - 160) / wide, (height - 220) / high);
  left = width / 2 - scale * (x0 + x1) / 2; top_ = 48 + height / 2 - scale * (y0 + y1) / 2;
}
function choose(k) {
  if (k !== shown) { follow(k); from = xy.slice(); xy = from.slice(); began = performance.now(); }
  shown = k; cells = sorted(); show(-1);
  at("note").textContent = maps[k].note;
  [...at("maps").children].forEach((b, i) => b.setAttribute("aria-pressed", i === k));
  ask();
}
maps.forEach((map, k) => {
  const b = document.createElement("button");
  b.textContent = map.name;
  b.addEventListener("click", () => choose(k));
  at("maps").append(b);
});
if (D.root !== null) at("opens").textContent = ", click to open a file";
at("count").textContent = N.toLocaleString("en") + " pictures";
const legend = at("legend");
if (D.classes.length) {
  const head = document.createElement("b");
  head.textContent = D.label;
  legend.append(head);
}
if (D.scale) {
  const bar = document.createElement("div"), ends = document.createElement("div");
  bar.id = "bar"; ends.id = "ends";
  bar.style.background = "linear-gradient(to right," + D.colours.slice(0, -1).join(",") + ")";
  for (const end of D.scale) {
    const s = document.createElement("span");
    s.textContent = Number(end.toPrecision(4)).toString();
    ends.append(s);
  }
  legend.append(bar, ends);
} else D.classes.forEach((label, c) => {
  const b = document.createElement("button"), i = document.createElement("i"), s = document.createElement("span");
  i.style.background = D.colours[c]; s.textContent = label; b.append(i, s);
  b.title = "click: only this one; click again: all";
  b.addEventListener("click", () => {
    const alone = D.classes.every((_, k) => k === c || hidden[k]) && !hidden[c];
    D.classes.forEach((_, k) => { hidden[k] = !alone && k !== c; });
    [...legend.querySelectorAll("button")].forEach((other, k) => other.classList.toggle("off", !!hidden[k]));
    ask();
  });
  legend.append(b);
});
choose(0);
resize();
</script>
</body>
</html>
"""
