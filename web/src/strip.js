// Frames (F, H, W, 4) side by side on a canvas, as sharp as they are.
import { html } from "htm/preact";
import { useEffect, useRef } from "preact/hooks";

export function Strip({ label, pixels, shape, quiet, bare }) {
  const canvas = useRef(null);
  useEffect(() => {
    const [f, h, w] = shape, gap = Math.max(1, Math.round(w / 16));
    canvas.current.width = f * (w + gap) - gap;
    canvas.current.height = h;
    const pen = canvas.current.getContext("2d");
    pen.clearRect(0, 0, canvas.current.width, h);
    for (let k = 0; k < f; k++) {
      const frame = new Uint8ClampedArray(pixels.buffer, pixels.byteOffset + 4 * k * h * w, 4 * h * w);
      pen.putImageData(new ImageData(new Uint8ClampedArray(frame), w, h), k * (w + gap), 0);
    }
    canvas.current.classList.toggle("coarse", w <= 64);
  }, [pixels]);
  if (bare) return html`<canvas ref=${canvas} role="img" aria-label=${label}></canvas>`;
  return html`<figure class=${quiet ? "strip quiet" : "strip"}><figcaption>${label}</figcaption><canvas ref=${canvas} role="img" aria-label=${label}></canvas></figure>`;
}
