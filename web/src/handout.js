// What a lesson keeps for its handout: pictures with a title and a line, in the order in which they were kept.
import { signal } from "@preact/signals";
import { html } from "htm/preact";
import { say } from "./state.js";

const MOST = 24;
export const kept = signal([]); // {id, title, text, blob, url}
let made = 0;

// canvases and images side by side, as sharp as they are, with a gap between them
const size = one => [one.naturalWidth ?? one.width, one.naturalHeight ?? one.height];
function joined(all) {
  const high = Math.max(...all.map(one => size(one)[1])), scale = Math.max(1, Math.round(160 / high)), gap = 12;
  const width = one => Math.round((size(one)[0] * high * scale) / size(one)[1]);
  const whole = Object.assign(document.createElement("canvas"), {
    width: all.reduce((sum, one) => sum + width(one) + gap, -gap), height: high * scale,
  });
  const pen = whole.getContext("2d", { alpha: false });
  pen.fillStyle = "#fff";
  pen.fillRect(0, 0, whole.width, whole.height);
  pen.imageSmoothingEnabled = false;
  all.reduce((x, one) => (pen.drawImage(one, x, 0, width(one), whole.height), x + width(one) + gap), 0);
  return whole;
}

export function keep(title, text, all) {
  const some = all.filter(one => one && size(one)[0] > 0);
  if (!some.length) return say("There is no picture to keep yet.");
  if (kept.value.length >= MOST) return say(`A handout has at most ${MOST} pictures.`);
  joined(some).toBlob(blob => {
    kept.value = [...kept.value, { id: ++made, title, text, blob, url: URL.createObjectURL(blob) }];
    say(`Kept for the handout: ${title}.`);
  }, "image/png");
}

export function drop(one) {
  URL.revokeObjectURL(one.url);
  kept.value = kept.value.filter(other => other !== one);
}

export const Keep = ({ title, text, shown }) =>
  html`<button class="keep" title="Its picture goes into the handout of Lesson" onClick=${() => keep(title, text(), shown())}>Keep for the handout</button>`;
