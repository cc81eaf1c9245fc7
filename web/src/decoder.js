// A page that stands alone: the decoder of a model, run by onnxruntime's WebAssembly, all in one file.
import { signal } from "@preact/signals";
import { html, render } from "htm/preact";
import { useEffect, useRef } from "preact/hooks";
import * as ort from "onnxruntime-web/wasm";
import { hand, Pixels } from "./pixels.js";
import { alongAndBack, animate, paintCode, rgba, slide, SliderRows, stop, surprise } from "./sliders.js";
import { whenever } from "./state.js";

const SHOWN = 12; // samples at a time
const told = JSON.parse(document.getElementById("told").textContent);
const arrays = Object.fromEntries(Object.entries(told.arrays).map(([name, one]) => [name, unpackedArray(one)]));
const shape = told.about.shape, [channels, height, width] = shape;
const size = told.about.code_shape.reduce((a, b) => a * b, 1);
const kinds = Object.keys(told.sliders);

const session = signal(null);
const failure = signal("");
const base = signal(arrays.start); // the code that sliders move
const kind = signal(kinds[0]);
const places = signal([]);
const ends = signal(null);
const along = signal(0); // of the way through the pictures, from 0 to their number less one
const blend = signal("linear");
const page = signal(0); // of the samples
const samples = signal(null);
const took = signal(null);
let first = true; // the first run makes the session ready, and says nothing of the others

function bytesOf(text) {
  const raw = atob(text), bytes = new Uint8Array(raw.length);
  for (let i = 0; i < raw.length; i++) bytes[i] = raw.charCodeAt(i);
  return bytes;
}

function unpackedArray({ type, data }) {
  const bytes = bytesOf(data);
  return type === "f4" ? new Float32Array(bytes.buffer) : bytes;
}

// what stands gzipped in an element of the page
async function unpacked(id) {
  const element = document.getElementById(id), bytes = bytesOf(element.textContent);
  element.remove();
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Response(stream).arrayBuffer();
}

async function begin() {
  if (!("DecompressionStream" in window)) throw new Error("this browser cannot unpack the page: Chrome 80, Firefox 113, Safari 16.4 or newer can");
  ort.env.wasm.wasmBinary = await unpacked("engine");
  ort.env.wasm.numThreads = 1;
  ort.env.logLevel = "error";
  session.value = await ort.InferenceSession.create(await unpacked("model"), { executionProviders: ["wasm"] });
}

// codes (N, D) one after the other → pixels (N, H, W, C)
async function decoded(codes) {
  const n = codes.length / size;
  const feeds = { code: new ort.Tensor("float32", codes, [n, ...told.about.code_shape]) };
  return (await session.value.run(feeds)).picture.data;
}

// one call of the session at a time: while it runs, what was asked before the newest is passed over
let busy = Promise.resolve();
const latest = new Map();
function later(what, codes, then) {
  latest.set(what, codes);
  busy = busy.then(async () => {
    if (latest.get(what) !== codes) return;
    try {
      const since = performance.now(), pixels = await decoded(codes);
      then(pixels, performance.now() - since);
    } catch (error) {
      failure.value = error.message;
    }
  });
}

export function code() {
  const z = Float32Array.from(base.value);
  if (kind.value) slide(z, arrays[kind.value], places.value);
  return z;
}

const all = pixels => {
  const each = channels * height * width, out = new Uint8ClampedArray((pixels.length / each) * 4 * height * width);
  for (let i = 0; i * each < pixels.length; i++) out.set(rgba(pixels.subarray(i * each, (i + 1) * each), shape), i * 4 * height * width);
  return out;
};

// ---- the way through pictures --------------------------------------------------------------------

// (1 − α) a + α b, or along the great circle between them
export function between(a, b, alpha, way = blend.value) {
  let one = 1 - alpha, other = alpha;
  if (way === "spherical") {
    let ab = 0, aa = 0, bb = 0;
    for (let d = 0; d < size; d++) (ab += a[d] * b[d]), (aa += a[d] * a[d]), (bb += b[d] * b[d]);
    const angle = Math.acos(Math.max(-1, Math.min(1, ab / Math.max(1e-30, Math.sqrt(aa * bb))))), sine = Math.sin(angle);
    if (sine >= 1e-6) [one, other] = [Math.sin((1 - alpha) * angle) / sine, Math.sin(alpha * angle) / sine];
  }
  return a.map((value, d) => one * value + other * b[d]);
}

const knownCode = i => arrays.known.slice(i * size, (i + 1) * size);
function goTo(place) {
  const many = told.names.length, i = Math.min(many - 2, Math.floor(place));
  along.value = place;
  base.value = many < 2 ? knownCode(0) : between(knownCode(i), knownCode(i + 1), place - i);
}

function Way() {
  const many = told.names.length, each = channels * height * width;
  if (!many) return null;
  const play = () => {
    const from = along.value >= many - 1 ? 0 : along.value;
    animate(1800 * (many - 1 - from), t => goTo(from + t * (many - 1 - from)));
  };
  return html`<section aria-label="From picture to picture">
    <div class="row head"><h2>${many > 1 ? "From picture to picture" : "The picture"}</h2>
      ${many > 1 && html`<div class="choice" role="group" aria-label="Codes are mixed">
        ${["linear", "spherical"].map(way => html`<button aria-pressed=${blend.value === way} onClick=${() => { blend.value = way; goTo(along.value); }}>${way}</button>`)}
      </div><button onClick=${play} aria-label="Play the way">▶</button>`}
    </div>
    ${many > 1 && html`<input type="range" class="way" aria-label="Place on the way" min="0" max=${many - 1} step="0.01" value=${along.value} onInput=${event => { stop(); goTo(Number(event.target.value)); }} />`}
    <div class="known">
      ${told.names.map((name, i) => html`<button class="end" title=${name} aria-label=${`Begin at ${name}`} onClick=${() => { stop(); goTo(i); }}>
        <${Pixels} pixels=${known()} shape=${[many, height, width]} at=${i} label="" /></button>`)}
    </div>
    <p class="quiet small">The pictures themselves; what is decoded of their codes is the large one, between two of them a mixture of both codes.</p>
  </section>`;
  function known() {
    return (known.made ??= all(arrays.pictures.subarray(0, many * each)));
  }
}

// ---- the page ------------------------------------------------------------------------------------

function Sliders() {
  if (!kinds.length) return told.why ? html`<section aria-label="Sliders"><h2>No sliders</h2><p class="quiet small">${told.why}</p></section>` : null;
  const reach = told.reach;
  const move = (u, place) => (places.value = places.value.map((other, i) => (i === u ? place : other)));
  const play = u => {
    const at = places.value[u];
    animate(3500, t => move(u, alongAndBack(t, reach, at)));
  };
  return html`<section aria-label="Sliders">
    <div class="row head"><h2>What the code says</h2>
      <div class="choice" role="group" aria-label="Sliders are">
        ${kinds.map(one => html`<button aria-pressed=${kind.value === one} onClick=${() => (kind.value = one)}>${one === "axes" ? "Axes" : "Units"}</button>`)}
      </div>
      <button onClick=${() => (places.value = surprise(places.value))}>Surprise me</button>
    </div>
    <p class="quiet small">${kind.value === "axes" ? "The directions in which codes differ most, each number weighed by what it changes" : "The numbers that change the picture most come first"}; ± ${reach} standard deviations.</p>
    <${SliderRows} of=${kind.value} numbers=${told.sliders[kind.value]} places=${places.value} reach=${reach} ends=${ends.value} shape=${[0, height, width]} move=${move} play=${play} />
  </section>`;
}

function Samples() {
  if (!arrays.samples) return told.no_samples ? html`<section aria-label="Samples"><h2>No samples</h2><p class="quiet small">${told.no_samples}</p></section>` : null;
  const pages = Math.ceil(arrays.samples.length / size / SHOWN);
  return html`<section aria-label="Samples">
    <div class="row head"><h2>Made up</h2><button onClick=${() => (page.value = (page.value + 1) % pages)}>Others</button></div>
    <p class="quiet small">Draws from the prior ${told.prior}; click one to begin at it.</p>
    <div class="known">
      ${samples.value && Array.from({ length: samples.value.count }, (_, i) => html`<button class="end" key=${`${page.value} ${i}`} aria-label=${`Begin at sample ${page.value * SHOWN + i + 1}`}
        onClick=${() => { stop(); base.value = arrays.samples.slice((page.value * SHOWN + i) * size, (page.value * SHOWN + i + 1) * size); }}>
        <${Pixels} pixels=${samples.value.pixels} shape=${[0, height, width]} at=${i} label="" /></button>`)}
    </div>
  </section>`;
}

function App() {
  const canvas = useRef(null);
  useEffect(() => {
    const stops = [
      whenever(() => [session.value, base.value, places.value, kind.value], ready => ready && later("shown", code(), (pixels, ms) => {
        paintCode(canvas.current, pixels, shape);
        canvas.current.dataset.ready = "";
        if (!first) took.value = took.value === null ? ms : 0.8 * took.value + 0.2 * ms;
        first = false;
      })),
      whenever(() => [kind.value], of => of && (places.value = told.sliders[of].map(() => 0))),
      whenever(() => [session.value, kind.value, base.value], (ready, of) => {
        if (!ready || !of) return;
        const many = told.sliders[of].length, codes = new Float32Array(2 * many * size);
        for (let k = 0; k < 2 * many; k++) {
          const z = Float32Array.from(base.value), at = Array(many).fill(0);
          at[k >> 1] = k & 1 ? told.reach : -told.reach;
          slide(z, arrays[of], at);
          codes.set(z, k * size);
        }
        later("ends", codes, pixels => (ends.value = all(pixels)));
      }),
      whenever(() => [session.value, page.value], (ready, at) => {
        if (!ready || !arrays.samples) return;
        const codes = arrays.samples.slice(at * SHOWN * size, (at + 1) * SHOWN * size);
        later("samples", codes, pixels => (samples.value = { pixels: all(pixels), count: codes.length / size }));
      }),
    ];
    return () => stops.forEach(end => end());
  }, []);
  return html`<header><h1>${told.title}</h1>
      <p class="quiet">Everything runs in this page: it sends nothing and asks for nothing, and works without a network.</p></header>
    ${failure.value && html`<p class="warn" role="alert">${failure.value}</p>`}
    <main class="latent">
      <section class="shown" aria-label="The picture of this code">
        <canvas class="decoded" ref=${canvas} role="img" aria-label="What the model decodes"></canvas>
        <p class="row">
          <button onClick=${() => { stop(); places.value = places.value.map(() => 0); }}>Sliders to the middle</button>
          <button onClick=${() => canvas.current.toBlob(blob => hand(blob, "decoded.png"))}>Save picture</button>
          <span class="quiet took" role="status">${!session.value && !failure.value ? "The decoder is being unpacked …" : took.value === null ? "" : `${took.value < 9.95 ? took.value.toFixed(1) : Math.round(took.value)} ms a change`}</span>
        </p>
      </section>
      <div class="controls"><${Way} /><${Sliders} /><${Samples} /></div>
    </main>
    <footer class="quiet small"><p>Model ${told.about.fingerprint}${told.about.recipe ? `, recipe ${told.about.recipe.name}` : ""}; made by Narrows ${told.about.narrows}. It runs by ONNX Runtime Web, © Microsoft Corporation, MIT licence.</p></footer>`;
}

render(html`<${App} />`, document.getElementById("page"));
begin().catch(error => (failure.value = `The decoder could not be started: ${error.message}`));
