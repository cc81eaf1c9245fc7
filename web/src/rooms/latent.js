// Latent space: a code under the fingers. Sliders move it, pictures are mixed into it, the model draws it.
import { signal } from "@preact/signals";
import { html } from "htm/preact";
import { useEffect, useRef } from "preact/hooks";
import { get, postColumns, refresh, send, thumbnailOf, told } from "../api.js";
import { forget, Lessons, place, placing, spot } from "../lessons.js";
import { hand, Pixels } from "../pixels.js";
import { Sketch } from "../sketch.js";
import { alongAndBack, animate, paintCode, slide, SliderRows, stop, surprise } from "../sliders.js";
import { finished, go, key, part, say, selection, server, whenever } from "../state.js";
import { Typed } from "../typed.js";

export const name = "latent";
export const title = "Latent space";
export const line = "Move the code of a picture and see what the model makes of it: sliders, mixtures, attributes, new pictures.";
export const needs = "model";

const MOST = 16;
// what is kept while another room is looked at
const about = signal(null);
const kind = signal("axes");
const sliders = signal(null); // start, steps, ends and effects
const why = signal(""); // there are none
const places = signal([]); // of the sliders, in deviations
const terms = signal([]); // what is mixed: {id, label, code, weight, row | upload | pixels}
const samples = signal(null);
const drawing = signal({ n: 24, seed: 0, prior: "", text: "" });
const learnt = signal(null);
const by = signal("");
const amount = signal(0);
const took = signal(null);
const sketching = signal(false);

export function view() {
  const canvas = useRef(null);
  useEffect(() => {
    const link = new Link(pixels => paintCode(canvas.current, pixels, about.value.shape));
    const stops = [
      whenever(() => [server.value?.encoder], another),
      whenever(() => [key.value], ask),
      whenever(() => [kind.value, key.value], begin),
      whenever(() => [part.value, server.value?.rows?.count], led),
      whenever(() => [about.value, sliders.value, places.value, terms.value, learnt.value, amount.value, ...placing()],
        known => known && link.ask(code())), // what comes back is painted in the shape that the model has said
    ];
    return () => {
      stops.forEach(end => end());
      stop();
      link.close();
    };
  }, []);
  if (!about.value) return html`<p class="quiet lead pad">The model is being asked what it can do.</p>`;
  return html`<div class="latent" onDragOver=${event => event.preventDefault()} onDrop=${dropped}>
    <section class="shown" aria-label="The picture of this code">
      <canvas class="decoded" ref=${canvas} role="img" aria-label="What the model decodes"></canvas>
      <p class="row">
        <button onClick=${() => { places.value = places.value.map(() => 0); amount.value = 0; spot.value &&= [0, 0]; }}>Back to the middle</button>
        <button onClick=${() => canvas.current.toBlob(blob => hand(blob, "decoded.png"))}>Save picture</button>
        <span class="quiet took">${took.value === null ? "" : `${took.value < 9.95 ? took.value.toFixed(1) : Math.round(took.value)} ms a change`}</span>
      </p>
      <${Mixed} />
    </section>
    <div class="controls">
      <${Sliders} />
      <${Lessons} terms=${terms.value} decoded=${canvas} ready=${Boolean(sliders.value || why.value)} />
      <${Steer} />
      <${Generate} />
    </div>
  </div>`;
}

// from a lesson: a pad to draw on, or two pictures that lie apart
let ledTo = "";
function led(to, rows) {
  if (to === ledTo || (to === "way" && !rows)) return;
  ledTo = to;
  if (to === "draw" || to === "usual") {
    sketching.value = true;
    terms.value = terms.peek().filter(one => one.upload);
  }
  if (to === "way" && terms.peek().length < 2) void add([0, rows - 1]);
}

// ---- asking ------------------------------------------------------------------------------------

// what is kept is of one model: of another one all codes are others
let model = "";
function another(now) {
  if (model && now && model !== now) {
    terms.value = [];
    places.value = [];
    sliders.value = samples.value = learnt.value = null;
    forget();
    amount.value = 0;
  }
  model = now || model;
}

async function ask() {
  const found = await told(get("/api/latent"));
  if (!found) return;
  about.value = found;
  by.value ||= found.transforms[0] ?? "";
  if (!samples.value) void draw();
}

async function begin(of, rows) {
  const one = terms.peek().length === 1 ? terms.peek()[0] : null;
  try {
    const found = await postColumns("/api/latent/sliders", { of, ...(one?.row === undefined ? {} : { row: one.row }) });
    if (of !== kind.peek() || rows !== key.peek()) return;
    sliders.value = found;
    places.value = found.effects.map(() => 0);
    why.value = "";
  } catch (error) {
    if (of !== kind.peek() || rows !== key.peek()) return;
    sliders.value = null;
    why.value = error.message;
  }
}

async function draw(more = {}) {
  drawing.value = { ...drawing.value, ...more };
  const found = await told(postColumns("/api/latent/generate", drawing.value));
  if (found) samples.value = found;
}

// ---- the code ----------------------------------------------------------------------------------

// the mean of what is mixed, or where the sliders begin; then the sliders, then what is steered
export function code() {
  const from = terms.value.filter(one => one.weight > 0), moved = sliders.value;
  const first = from[0]?.code ?? moved?.start;
  if (!first) return null;
  const z = new Float32Array(first.length);
  if (from.length) {
    const all = from.reduce((sum, one) => sum + one.weight, 0);
    for (const one of from) for (let d = 0; d < z.length; d++) z[d] += (one.weight / all) * one.code[d];
  } else z.set(first);
  if (moved) slide(z, moved.steps, places.value);
  steer(z);
  place(z);
  return z;
}

function steer(z) {
  const way = learnt.value, t = amount.value;
  if (!way || !t) return;
  const step = Float32Array.from(way.vector);
  if (way.matrix) for (let i = 0; i < z.length; i++) for (let j = 0; j < z.length; j++) step[i] += way.matrix[i * z.length + j] * z[j];
  for (let d = 0; d < z.length; d++) z[d] += t * step[d];
}

// one code on its way at a time; while a hand moves only the newest waits
class Link {
  constructor(draw) {
    this.draw = draw;
    this.open();
  }
  open() {
    const scheme = location.protocol === "https:" ? "wss" : "ws";
    this.socket = new WebSocket(`${scheme}://${location.host}/api/latent/decode`);
    this.socket.binaryType = "arraybuffer";
    this.socket.onopen = () => this.next();
    this.socket.onmessage = event => {
      const since = performance.now() - this.sent;
      this.sent = 0;
      if (typeof event.data === "string") say(JSON.parse(event.data).message, "error");
      else {
        took.value = took.value === null ? since : 0.8 * took.value + 0.2 * since;
        this.draw(new Uint8Array(event.data));
      }
      this.next();
    };
    this.socket.onclose = () => {
      this.sent = 0;
      if (!this.closed) setTimeout(() => this.closed || this.open(), 1500);
    };
  }
  ask(z) {
    this.waiting = z;
    this.next();
  }
  next() {
    if (!this.waiting || this.sent || this.socket.readyState !== 1) return;
    this.sent = performance.now();
    this.socket.send(this.waiting);
    this.waiting = null;
  }
  close() {
    this.closed = true;
    this.socket.close();
  }
}

// ---- what is mixed -----------------------------------------------------------------------------

function put(one) {
  const rest = terms.value.filter(other => other.id !== one.id);
  if (rest.length >= MOST) return say(`At most ${MOST} pictures are mixed.`);
  terms.value = [...rest, { weight: 1, ...one }];
}

async function add(rows, uploads = []) {
  const some = [...rows].slice(0, MOST);
  const found = await told(postColumns("/api/latent/codes", { rows: some, uploads: uploads.map(one => one.upload) }));
  if (!found) return;
  const size = found.shapes.codes[1], each = i => found.codes.slice(i * size, (i + 1) * size);
  some.forEach((row, i) => put({ id: `row ${row}`, label: `picture ${row}`, row, code: each(i) }));
  uploads.forEach((one, i) => put({ id: one.upload, label: one.name, upload: one.upload, code: each(some.length + i) }));
}

async function addFiles(files) {
  const sent = [];
  for (const file of files.slice(0, MOST)) {
    const answer = await told(send("/api/uploads", file));
    if (answer) sent.push({ upload: answer.upload, name: file.name || "picture" });
  }
  if (sent.length) await add([], sent);
}

// what was drawn takes the place of what was drawn before
let sketch = 0;
async function sketched(blob) {
  const mine = ++sketch, answer = await told(send("/api/uploads", blob));
  if (!answer || mine !== sketch) return;
  const found = await told(postColumns("/api/latent/codes", { uploads: [answer.upload] }));
  if (!found || mine !== sketch) return;
  terms.value = terms.value.filter(one => one.label !== "sketch");
  put({ id: answer.upload, label: "sketch", upload: answer.upload, code: found.codes });
}

function dropped(event) {
  event.preventDefault();
  const files = [...event.dataTransfer.files];
  if (files.length) void addFiles(files);
}

function Mixed() {
  const input = useRef(null), all = terms.value, some = selection.value;
  const weigh = (id, weight) => (terms.value = terms.value.map(one => (one.id === id ? { ...one, weight } : one)));
  const film = async () => {
    const answer = await told(filmOf(all.map(one => one.code)));
    if (answer) hand(answer, "morph.webp");
  };
  return html`<section class="mixed" aria-label="Mixture">
    <h3>${all.length ? "Mixed of" : "Begin at pictures of your own"}</h3>
    ${all.map(one => html`<div class="part" key=${one.id}>
      ${one.pixels ? html`<${Pixels} ...${one.pixels} label=${one.label} />` : html`<img src=${one.upload ? `/api/uploads/${one.upload}` : thumbnailOf(one.row)} alt=${one.label} />`}
      <input type="range" min="0" max="1" step="0.01" value=${one.weight} aria-label=${`Share of ${one.label}`} onInput=${event => weigh(one.id, Number(event.target.value))} />
      <button class="icon" aria-label=${`Remove ${one.label}`} onClick=${() => (terms.value = all.filter(other => other !== one))}>×</button>
    </div>`)}
    <p class="row">
      ${some.length > 0 && html`<button class="main" onClick=${() => add(some)}>Mix the ${some.length > MOST ? `first ${MOST} ` : ""}selected</button>`}
      ${server.value?.rows && !some.length && !all.length && html`<button onClick=${() => go("map")}>Select on the map</button>`}
      <button onClick=${() => input.current.click()}>Pick a picture …</button>
      <button aria-expanded=${sketching.value} onClick=${() => (sketching.value = !sketching.value)}>Draw one</button>
      <input ref=${input} class="unseen" type="file" accept="image/*,.heic,.tif,.tiff" multiple tabindex="-1" aria-label="Pick pictures to mix"
        onChange=${event => { void addFiles([...event.target.files]); event.target.value = ""; }} />
      ${all.length > 1 && html`<button onClick=${film} title="From the first to the last, in the order above">Save as animation</button>`}
      ${all.length > 0 && html`<button onClick=${() => (terms.value = [])}>None</button>`}
    </p>
    ${sketching.value && html`<${Sketch} ground=${about.value.ground} shape=${about.value.shape} done=${sketched} what="What you draw goes through the model a moment after each stroke." />`}
  </section>`;
}

async function filmOf(codes) {
  const size = codes[0].length, all = new Float32Array(codes.length * size);
  codes.forEach((one, i) => all.set(one, i * size));
  return send(`/api/latent/film?frames=${Math.min(120, 30 * (codes.length - 1) + 1)}`, new Blob([all]), "blob");
}

// ---- sliders -----------------------------------------------------------------------------------

function Sliders() {
  const found = sliders.value, reach = about.value.reach;
  const move = (u, place) => (places.value = places.value.map((other, i) => (i === u ? place : other)));
  const play = u => {
    const at = places.value[u];
    animate(3500, t => move(u, alongAndBack(t, reach, at)));
  };
  return html`<section aria-label="Sliders">
    <div class="row head">
      <h2>What the code says</h2>
      <div class="choice" role="group" aria-label="Sliders are">
        <button aria-pressed=${kind.value === "axes"} title="Principal axes of all codes, each unit weighed by what it changes" onClick=${() => (kind.value = "axes")}>Axes</button>
        <button aria-pressed=${kind.value === "units"} title="Single numbers of the code" onClick=${() => (kind.value = "units")}>Units</button>
      </div>
      ${found && html`<button onClick=${() => (places.value = surprise(places.value))}>Surprise me</button>`}
    </div>
    ${why.value && html`<p class="quiet">${why.value}</p>`}
    ${found && html`<p class="quiet small">${found.of === "axes" ? "The directions in which codes differ most, each number weighed by what it changes" : "The numbers that change the picture most come first"}; ± ${reach} standard deviations.</p>
    <${SliderRows} of=${found.of} numbers=${found.numbers} places=${places.value} reach=${reach} ends=${found.ends} shape=${found.shapes.ends} move=${move} play=${play} />
    ${found.notes.map(note => html`<p class="quiet small">${note}</p>`)}`}
  </section>`;
}

// ---- steering ----------------------------------------------------------------------------------

const learning = signal(false);
async function learn() {
  const wanted = by.value;
  learning.value = true;
  try {
    let answer = await postColumns("/api/latent/steer", { by: wanted });
    if (answer.waiting) {
      await refresh();
      await finished(answer.waiting);
      answer = await postColumns("/api/latent/steer", { by: wanted });
    }
    if (wanted !== by.value) return;
    learnt.value = answer;
    amount.value = 0;
  } catch (error) {
    say(error.message, "error");
  } finally {
    learning.value = false;
  }
}

const number = value => (value === null ? "–" : `${value < 0 ? "−" : "+"}${Math.abs(value).toPrecision(2)}`);
function Steer() {
  const way = learnt.value, reach = way ? 2 * way.amount : 1;
  return html`<section aria-label="Steer">
    <div class="row head">
      <h2>Change one thing</h2>
      <select aria-label="What to steer by" value=${by.value} onChange=${event => { by.value = event.target.value; learnt.value = null; }}>
        <optgroup label="of the pixels">${about.value.transforms.map(one => html`<option value=${one}>${one}</option>`)}</optgroup>
        ${about.value.labels.length > 0 && html`<optgroup label="of the columns">${about.value.labels.map(one => html`<option value=${one}>${one}</option>`)}</optgroup>`}
      </select>
      ${way?.by !== by.value && html`<button class="main" disabled=${learning.value} onClick=${learn}>${learning.value ? "Learning …" : "Learn it"}</button>`}
    </div>
    ${!way && html`<p class="quiet small">The model's pictures tell in which direction of the code it lies; then a slider goes there, and what else changes is measured.</p>`}
    ${way?.nothing && html`<p class="warn">${way.nothing}.</p>`}
    ${way && html`<label class="steer"><span>${way.by}</span>
        <input type="range" min=${-reach} max=${reach} step=${reach / 100} value=${amount.value} onInput=${event => (amount.value = Number(event.target.value))} />
        <output>${number(amount.value)} ${way.unit}</output></label>
      ${!way.nothing && html`<table class="effects"><caption>What ${number(way.amount)} ${way.unit} changes, on ${way.judged.toLocaleString("en")} ${way.judged_on} pictures</caption>
        <thead><tr><th scope="col"></th><th scope="col">change</th><th scope="col" title="in standard deviations of the attribute over the pictures">effect size</th>${way.of_the_transform.length > 0 && html`<th scope="col">of the transform itself</th>`}</tr></thead>
        <tbody>${way.effects.map((one, i) => html`<tr class=${one.attribute === way.by ? "own" : ""}><th scope="row">${one.attribute}</th><td>${number(one.change)} ± ${one.deviation?.toPrecision(2) ?? "–"}</td><td>${number(one.size)}</td>${way.of_the_transform.length > 0 && html`<td>${number(way.of_the_transform[i].change)}</td>`}</tr>`)}</tbody></table>`}
      ${way.notes.map(note => html`<p class="quiet small">${note}</p>`)}`}
  </section>`;
}

// ---- new pictures ------------------------------------------------------------------------------

function Generate() {
  const found = samples.value, asked = drawing.value, { priors, text } = about.value;
  const size = found?.shapes.codes[1];
  return html`<section aria-label="New pictures">
    <div class="row head">
      <h2>New pictures</h2>
      ${priors.length > 1 && html`<select aria-label="Drawn from" value=${asked.prior} onChange=${event => draw({ prior: event.target.value })}>
        <option value="">the usual prior</option>
        ${priors.map(one => html`<option value=${one}>${one}</option>`)}
      </select>`}
      ${text && html`<${Typed} type="text" aria-label="What they show" placeholder="what they show" value=${asked.text} take=${text => draw({ text })} />`}
      <button class="main" onClick=${() => draw({ seed: asked.seed + 1 })}>Draw others</button>
    </div>
    ${found && html`<p class="quiet small">From the prior ${found.prior}. Click one to go on from it, Ctrl-click to mix it in.</p>
      <div class="tiles drawn">${Array.from({ length: found.shapes.pictures[0] }, (_, i) => {
        const pixels = { pixels: found.pictures, shape: found.shapes.pictures, at: i };
        const one = { id: `sample ${asked.seed} ${asked.prior} ${i}`, label: `new picture ${i + 1}`, code: found.codes.slice(i * size, (i + 1) * size), pixels };
        return html`<button class="tile" key=${i} title=${one.label} onClick=${event => {
          if (!(event.ctrlKey || event.metaKey || event.shiftKey)) terms.value = [];
          put(one);
        }}><${Pixels} ...${pixels} label=${one.label} /></button>`;
      })}</div>
      ${found.notes.map(note => html`<p class="quiet small">${note}</p>`)}`}
  </section>`;
}
