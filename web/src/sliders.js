// Sliders of a code, for the studio and for a page of its own: rows of them, what they add, what is decoded.
import { html } from "htm/preact";
import { paint, Pixels } from "./pixels.js";

// adds to a code z (D) what each slider's place, in deviations, times its step (U, D) is
export function slide(z, steps, places) {
  places.forEach((place, u) => {
    if (place) for (let d = 0; d < z.length; d++) z[d] += place * steps[u * z.length + d];
  });
}

// pixels (H, W, C) of a picture of shape [C, H, W] → (H, W, 4)
export function rgba(pixels, [c, h, w]) {
  const out = new Uint8ClampedArray(4 * h * w);
  for (let i = 0; i < h * w; i++) {
    for (let k = 0; k < 3; k++) out[4 * i + k] = pixels[i * c + (c === 3 ? k : 0)];
    out[4 * i + 3] = 255;
  }
  return out;
}

export function paintCode(canvas, pixels, shape) {
  const [c, h, w] = shape;
  if (canvas && pixels.length === c * h * w) paint(canvas, rgba(pixels, shape), w, h);
}

// a row per slider; ends (2 U, H, W, 4) are the pictures at either end of each
export function SliderRows({ of, numbers, places, reach, ends, shape, move, play }) {
  return html`<div class="sliders">
    ${numbers.map((number, u) => {
      const label = `${of === "axes" ? "axis" : "unit"} ${number}`;
      return html`<div class="slider" key=${`${of} ${number}`}>
        <button class="end" aria-label=${`${label}: to its low end`} onClick=${() => move(u, -reach)}>${ends && html`<${Pixels} pixels=${ends} shape=${shape} at=${2 * u} label="" />`}</button>
        <label><span>${label}</span>
          <input type="range" min=${-reach} max=${reach} step="0.05" value=${places[u] ?? 0} onInput=${event => move(u, Number(event.target.value))} onDblClick=${() => move(u, 0)} />
        </label>
        <button class="end" aria-label=${`${label}: to its high end`} onClick=${() => move(u, reach)}>${ends && html`<${Pixels} pixels=${ends} shape=${shape} at=${2 * u + 1} label="" />`}</button>
        <button class="play" title="Go along it and back" aria-label=${`${label}: play`} onClick=${() => play(u)}>▶</button>
      </div>`;
    })}
  </div>`;
}

// calls step(t) for t from 0 to 1 while it takes; a second call ends the first
let playing = null;
export function animate(milliseconds, step) {
  const mine = (playing = {}), first = performance.now();
  const frame = now => {
    if (playing !== mine) return;
    const t = Math.min(1, (now - first) / milliseconds);
    step(t);
    if (t < 1) requestAnimationFrame(frame);
  };
  requestAnimationFrame(frame);
}
export const stop = () => (playing = null);

// once along a slider to either end and back to where it was
export const alongAndBack = (t, reach, at) => (t >= 1 ? at : Math.round(reach * Math.sin(2 * Math.PI * t) * 100) / 100);
export const surprise = places => places.map(() => Math.round((Math.random() + Math.random() + Math.random() - 1.5) * 40) / 20);
