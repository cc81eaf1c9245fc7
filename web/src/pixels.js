// One of many pictures (N, H, W, 4) on a canvas, as sharp as it is.
import { html } from "htm/preact";
import { useEffect, useRef } from "preact/hooks";

export const SHARP = 40; // pixels of a side up to which every pixel is shown as a square

export function Pixels({ pixels, shape, at = 0, label }) {
  const canvas = useRef(null);
  useEffect(() => {
    const [, h, w] = shape;
    const one = new Uint8ClampedArray(pixels.buffer, pixels.byteOffset + 4 * at * h * w, 4 * h * w);
    paint(canvas.current, one, w, h);
  }, [pixels, at]);
  return html`<canvas ref=${canvas} role="img" aria-label=${label}></canvas>`;
}

export function paint(canvas, rgba, w, h) {
  if (canvas.width !== w || canvas.height !== h) Object.assign(canvas, { width: w, height: h });
  canvas.getContext("2d").putImageData(new ImageData(new Uint8ClampedArray(rgba), w, h), 0, 0);
  canvas.classList.toggle("coarse", w <= SHARP);
}

// gives a file to the browser, which asks where to or puts it with the downloads
export function hand(blob, name) {
  const address = URL.createObjectURL(blob);
  saved(address, name);
  setTimeout(() => URL.revokeObjectURL(address), 10000);
}

// the same of an address, whose answer names the file
export function saved(address, name = "") {
  const link = document.createElement("a");
  link.href = address;
  link.download = name;
  link.click();
}
