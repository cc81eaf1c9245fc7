// The true flaw of a picture, painted over its heat: a bit for each pixel of what the model sees.
import { html } from "htm/preact";
import { useEffect, useRef } from "preact/hooks";
import { paintOn } from "../../brush.js";

const CANVAS = 512; // pixels of the longer side of what is painted on
const WIDE = 0.06; // of a stroke, of the longer side
const COLOUR = "#12d7ff";

// a mask (H, W) of zeros and ones as the server takes it
export function bitsOf(mask) {
  const bytes = new Uint8Array(Math.ceil(mask.length / 8));
  mask.forEach((one, i) => { if (one) bytes[i >> 3] |= 1 << (i & 7); });
  return btoa(String.fromCharCode(...bytes));
}

// what is on a canvas, in the pixels of the model's view
function seen(canvas, h, w) {
  const small = Object.assign(document.createElement("canvas"), { width: w, height: h });
  const pen = small.getContext("2d", { willReadFrequently: true });
  pen.imageSmoothingQuality = "high";
  pen.drawImage(canvas, 0, 0, w, h);
  const { data } = pen.getImageData(0, 0, w, h);
  return Uint8Array.from({ length: h * w }, (_, i) => (data[4 * i + 3] > 127 ? 1 : 0));
}

function show(canvas, mask, h, w) {
  const pen = canvas.getContext("2d");
  pen.clearRect(0, 0, canvas.width, canvas.height);
  if (!mask) return;
  const across = canvas.width / w, down = canvas.height / h;
  pen.fillStyle = COLOUR;
  mask.forEach((one, i) => one && pen.fillRect((i % w) * across, Math.floor(i / w) * down, across + 0.5, down + 0.5));
}

export function Marked({ made, marking, drawn, keep, children }) {
  const canvas = useRef(null), dot = useRef(null), before = useRef(null), resting = useRef(0), latest = useRef(keep), shown = useRef(null);
  const [, h, w] = made.shapes.frames, scale = CANVAS / Math.max(h, w);
  latest.current = keep;
  shown.current = made.mask;
  useEffect(() => show(canvas.current, made.mask, h, w), [drawn]);
  useEffect(() => {
    if (!marking) return undefined;
    const stop = paintOn(canvas.current, dot.current, {
      width: () => WIDE, colour: () => COLOUR, rub: () => false,
      begun: () => { before.current ??= seen(canvas.current, h, w); },
      painted: () => {
        clearTimeout(resting.current);
        resting.current = setTimeout(() => {
          const old = before.current ?? shown.current ?? [];
          before.current = null;
          latest.current(seen(canvas.current, h, w), old.some(Boolean) ? old : null);
        }, 250);
      },
    });
    return stop;
  }, [marking]);
  // arrows and Space are the brush's where it is at hand
  const held = event => { if (event.key === " " || event.key.startsWith("Arrow")) event.stopPropagation(); };
  return html`<div class="marked" style=${{ "--ratio": w / h }}>${children}
    <canvas ref=${canvas} class="mask" width=${Math.round(w * scale)} height=${Math.round(h * scale)} tabindex=${marking ? 0 : -1}
      role="img" aria-label=${marking ? "Paint over the true flaw: drag, or arrow keys and Space" : made.mask ? "The true flaw, as it was marked" : "Nothing is marked"}
      data-marking=${marking ? "yes" : "no"} onKeyDown=${held}></canvas>
    <span ref=${dot} class="dot" hidden></span></div>`;
}
