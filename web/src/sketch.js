// A small pad to draw on: pen, colour, ground, eraser; what is drawn is a picture like any other.
import { html } from "htm/preact";
import { signal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import { paintOn } from "./brush.js";

const SIDE = 256; // pixels of the longer side
const REST = 350; // milliseconds after a stroke until it is asked with
const STEPS = 30; // strokes that can be taken back

const pen = signal(null); // a colour; null: the opposite of the ground
const ground = signal(null); // null: that of the pictures
const wide = signal(10); // percent of the longer side
const rub = signal(false);
const drawn = signal(false);
let pad = null, before = []; // kept while another room is looked at

const opposite = colour => ([1, 3, 5].reduce((sum, at) => sum + Number.parseInt(colour.slice(at, at + 2), 16), 0) > 382 ? "#000000" : "#ffffff");

// asked again a moment after each stroke
export function Sketch({ ground: usual, shape, done, what }) {
  const box = useRef(null), dot = useRef(null), resting = useRef(0);
  const [, h, w] = shape, under = ground.value ?? usual, ink = pen.value ?? opposite(under);
  const now = useRef({});
  now.current = { under, ink, done };
  const ask = () => {
    clearTimeout(resting.current);
    resting.current = setTimeout(() => drawn.peek() && picture(now.current.under, now.current.done), REST);
  };
  useEffect(() => {
    if (!pad) {
      pad = Object.assign(document.createElement("canvas"), { width: Math.round((SIDE * w) / Math.max(w, h)), height: Math.round((SIDE * h) / Math.max(w, h)) });
      pad.getContext("2d", { willReadFrequently: true }); // what is taken back is read after every stroke
      pad.className = "pad";
      pad.tabIndex = 0;
      pad.setAttribute("role", "application");
      pad.setAttribute("aria-label", "Draw: drag, or arrow keys to move and Space to paint");
    }
    box.current.prepend(pad);
    const stop = paintOn(pad, dot.current, {
      width: () => wide.peek() / 100, colour: () => now.current.ink, rub: () => rub.peek(),
      painted: () => { drawn.value = true; ask(); }, begun: remember,
    });
    return () => {
      stop();
      clearTimeout(resting.current);
    };
  }, []);
  useEffect(() => { pad.style.background = under; }, [under]);
  const back = () => {
    const last = before.pop();
    if (last) pad.getContext("2d").putImageData(last, 0, 0);
    drawn.value = before.length > 0;
    ask();
  };
  return html`<section class="sketch" aria-label="Sketch">
    <div class="sheet" ref=${box}><i class="dot" ref=${dot} hidden></i></div>
    <div class="options">
      <div class="choice" role="group" aria-label="Tool"><button aria-pressed=${!rub.value} onClick=${() => (rub.value = false)}>Pen</button><button aria-pressed=${rub.value} onClick=${() => (rub.value = true)}>Eraser</button></div>
      <label>Colour <input type="color" value=${ink} onInput=${event => { pen.value = event.target.value; rub.value = false; }} /></label>
      <label>Ground <input type="color" value=${under} onInput=${event => { ground.value = event.target.value; ask(); }} /></label>
      <label>Width <input type="range" min="1" max="40" value=${wide.value} onInput=${event => (wide.value = Number(event.target.value))} /></label>
      <p class="row"><button disabled=${!drawn.value} onClick=${back}>Undo</button><button disabled=${!drawn.value} onClick=${clear}>Clear</button></p>
      <p class="quiet small">${what}</p>
    </div>
  </section>`;
}

function remember() {
  before.push(pad.getContext("2d").getImageData(0, 0, pad.width, pad.height));
  before = before.slice(-STEPS);
}

function clear() {
  pad.getContext("2d").clearRect(0, 0, pad.width, pad.height);
  before = [];
  drawn.value = false;
}

function picture(under, done) {
  const whole = Object.assign(document.createElement("canvas"), { width: pad.width, height: pad.height });
  const onto = whole.getContext("2d", { alpha: false });
  onto.fillStyle = under;
  onto.fillRect(0, 0, pad.width, pad.height);
  onto.drawImage(pad, 0, 0);
  whole.toBlob(done, "image/png");
}
