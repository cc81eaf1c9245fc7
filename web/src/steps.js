// The steps of the lesson, and the bar that leads from one to the next in whichever room each is done.
import { html } from "htm/preact";
import { part, room } from "./state.js";

export const STEPS = [
  ["latent/plane", "Two numbers", "Drag over the plane of two numbers of a code: the picture follows. All pictures here are dots on it."],
  ["latent/numbers", "How many numbers", "Take away one number of the code after the other: the picture blurs, and its error grows."],
  ["restore/noise", "Noise", "Add noise with the slider, and see what the model makes of it beside a median filter and a linear baseline."],
  ["latent/draw", "A picture of your own", "Draw one, and see what comes back through the code."],
  ["restore/erase", "A part erased", "Paint over a part of a picture, and have it filled."],
  ["latent/way", "Codes or pixels", "Go from one picture to another by a mixture of codes, and by one of pixels."],
  ["latent/usual", "What does not belong", "Draw what is none of these, a letter say: its anomaly score, and how rare that is here."],
];

export function StepBar() {
  const at = STEPS.findIndex(([to]) => to === `${room.value}/${part.value}`);
  if (at < 0) return null;
  const [, heading, text] = STEPS[at], next = STEPS[at + 1];
  return html`<div class="step-bar" role="region" aria-label="Lesson">
    <p><b>${at + 1}. ${heading}</b> <span>${text}</span></p>
    ${at > 0 && html`<a class="button quiet" href=${`#${STEPS[at - 1][0]}`}>Back</a>`}
    <a class="button" href=${next ? `#${next[0]}` : "#lesson"}>${next ? `Next: ${next[1]}` : "To the handout"}</a>
  </div>`;
}
