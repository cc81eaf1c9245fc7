// Search: the pictures nearest to one that is dropped, pasted, picked or clicked; plus some, minus others.
import { signal } from "@preact/signals";
import { html } from "htm/preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { get, post, send, thumbnailOf, told } from "../api.js";
import { Filter, whole } from "../filter.js";
import { Sketch } from "../sketch.js";
import { conditions, count, go, key, put, query, say, select, selection, server, side, toggle, whenever } from "../state.js";

export const name = "search";
export const title = "Search";
export const line = "Drop, paste or pick a picture, or click one: those nearest to it by code come first, with their distances.";

const LARGEST = 64 << 20;
const found = signal(null);
const more = signal(48);
const about = signal(null); // whether texts can be searched for, what the pictures are drawn on, their shape
const drawing = signal(false); // whether the pad is shown
const words = signal("");
const reading = signal(false);
let running = null;

export function view() {
  const [over, setOver] = useState(false);
  useEffect(() => {
    const stops = [
      whenever(() => [key.value, query.value, conditions.value, more.value], search),
      whenever(() => [key.value], ask),
    ];
    const pasted = event => {
      const files = [...(event.clipboardData?.files ?? [])];
      if (files.length) {
        event.preventDefault();
        void add(files);
      }
    };
    addEventListener("paste", pasted);
    return () => {
      stops.forEach(stop => stop());
      removeEventListener("paste", pasted);
    };
  }, []);
  const nothing = !query.value.like.length && !query.value.minus.length;
  return html`<div class=${over ? "search over" : "search"}
      onDragOver=${event => { event.preventDefault(); setOver(true); }}
      onDragLeave=${event => event.currentTarget.contains(event.relatedTarget) || setOver(false)}
      onDrop=${event => { event.preventDefault(); setOver(false); void dropped(event); }}>
    <section class="asked" aria-label="What is searched for">
      <${Terms} kind="like" sign="+" text="like" />
      <${Terms} kind="minus" sign="−" text="unlike" />
      <${Pick} />
      <${Text} />
    </section>
    ${drawing.value && about.value && html`<${Sketch} ground=${about.value.ground} shape=${about.value.shape} done=${sketched} what="What you draw is searched for a moment after each stroke." />`}
    <${Filter} />
    ${nothing ? html`<${Start} />` : html`<${Found} />`}
  </div>`;
}

// ---- asking ------------------------------------------------------------------------------------

async function search(rows, { like, minus }, all, k) {
  running?.abort();
  if (!rows || !like.length) return void (found.value = null);
  const rowsOf = list => list.filter(one => one.row !== undefined).map(one => one.row);
  const uploadsOf = list => list.filter(one => one.upload).map(one => one.upload);
  const mine = (running = new AbortController());
  const body = {
    like: rowsOf(like), minus: rowsOf(minus), like_uploads: uploadsOf(like), minus_uploads: uploadsOf(minus),
    k: Math.min(k, 500), conditions: whole(all),
  };
  const answer = await told(post("/api/search", body, { signal: mine.signal }));
  if (mine === running) found.value = answer ?? (mine.signal.aborted ? found.value : null);
}

async function ask(rows) {
  if (!rows) return;
  const answer = await told(get("/api/search"));
  if (answer && rows === key.peek()) about.value = answer;
}

// what was drawn takes the place of what was drawn before
let sketch = 0;
async function sketched(blob) {
  const mine = ++sketch, answer = await told(send("/api/uploads", blob));
  if (!answer || mine !== sketch) return;
  const others = list => list.filter(one => one.name !== "sketch");
  query.value = { like: [...others(query.value.like), { upload: answer.upload, name: "sketch" }], minus: others(query.value.minus) };
}

async function described(event) {
  event.preventDefault();
  const text = words.value.trim();
  if (!text || reading.value) return;
  reading.value = true;
  const answer = await told(post("/api/search/text", { text }));
  reading.value = false;
  if (answer) query.value = { like: answer.uploads.map(one => ({ upload: one.upload, name: text })), minus: [] };
}

async function add(files, where = 1) {
  for (const file of files.slice(0, 16)) {
    if (file.size > LARGEST) {
      say(`${file.name} is larger than 64 MiB, which is the most that can be searched with.`, "error");
      continue;
    }
    const answer = await told(send("/api/uploads", file));
    if (answer) put({ upload: answer.upload, name: file.name || "pasted picture" }, where);
  }
}

async function dropped(event) {
  const files = [...event.dataTransfer.files];
  if (files.length) return add(files);
  const row = Number.parseInt(event.dataTransfer.getData("text/x-narrows-row"), 10);
  if (Number.isInteger(row)) put({ row }, 1);
}

// ---- what was asked ----------------------------------------------------------------------------

const imageOf = term => (term.upload ? `/api/uploads/${term.upload}` : thumbnailOf(term.row));

function Terms({ kind, sign, text }) {
  const terms = query.value[kind];
  if (!terms.length) return null;
  return html`<div class=${`terms ${kind}`}>
    ${terms.map(term => html`<figure key=${term.upload ?? term.row} class="term">
      <img src=${imageOf(term)} alt=${term.name ?? `picture ${term.row}`} />
      <button class="sign" title=${kind === "like" ? "Take it away instead" : "Be like it instead"} aria-label=${`${text}: change to the other`} onClick=${() => put(term, kind === "like" ? -1 : 1)}>${sign}</button>
      <button class="icon" aria-label="Remove" onClick=${() => put(term, 0)}>×</button>
    </figure>`)}
  </div>`;
}

function Pick() {
  const input = useRef(null);
  return html`<div class="pick">
    <button class="main" onClick=${() => input.current.click()}>Pick a picture …</button>
    <input ref=${input} class="unseen" type="file" accept="image/*,.heic,.tif,.tiff" multiple aria-label="Pick pictures to search with" tabindex="-1"
      onChange=${event => { void add([...event.target.files]); event.target.value = ""; }} />
    <button aria-expanded=${drawing.value} onClick=${() => (drawing.value = !drawing.value)}>Draw one</button>
    <span class="quiet">or drop or paste one here</span>
    ${(query.value.like.length > 0 || query.value.minus.length > 0) && html`<button onClick=${() => (query.value = { like: [], minus: [] })}>Start again</button>`}
  </div>`;
}

function Text() {
  if (!about.value || about.value.no_text) return null;
  return html`<form class="row" onSubmit=${described}>
    <input type="search" aria-label="Search by text" placeholder="what it shows, in words" maxlength="200" value=${words.value} onInput=${event => (words.value = event.target.value)} />
    <button disabled=${reading.value}>${reading.value ? "Reading …" : "Search by text"}</button>
  </form>`;
}

// some pictures to begin with, spread over all
function Start() {
  const n = count.value, shown = Math.min(n, 60);
  const rows = Array.from({ length: shown }, (_, i) => Math.floor(((i + 0.5) * n) / shown));
  return html`<p class="quiet lead">${line}</p>
    <div class="tiles wide">${rows.map(row => html`<${Tile} key=${row} row=${row} />`)}</div>`;
}

function Tile({ row, hit }) {
  const sign = side({ row });
  const label = hit ? hit.id : `picture ${row}`;
  return html`<figure class=${selection.value.includes(row) ? "tile chosen" : "tile"} data-row=${row}>
    <button class="open" title=${`Search like ${label}`} draggable="true"
      onDragStart=${event => event.dataTransfer.setData("text/x-narrows-row", String(row))}
      onClick=${event => (event.ctrlKey || event.metaKey || event.shiftKey ? toggle(row) : (query.value = { like: [{ row }], minus: [] }))}>
      <img src=${thumbnailOf(row)} alt=${label} loading="lazy" />
    </button>
    <figcaption>
      ${hit && html`<span class="away" title="Distance of the codes">${hit.distance.toPrecision(3)}</span><span class="label">${hit.columns?.label ?? hit.id}</span>`}
      <span class="signs">
        <button aria-pressed=${sign === 1} aria-label=${`More like ${label}`} title="More like this" onClick=${() => put({ row }, sign === 1 ? 0 : 1)}>+</button>
        <button aria-pressed=${sign === -1} aria-label=${`Less like ${label}`} title="Less like this" onClick=${() => put({ row }, sign === -1 ? 0 : -1)}>−</button>
      </span>
    </figcaption>
  </figure>`;
}

function Found() {
  const answer = found.value;
  if (!query.value.like.length)
    return html`<p class="quiet lead">Say what the pictures should be like: only something to be unlike is not enough.</p>`;
  if (!answer) return html`<p class="quiet lead">Searching …</p>`;
  const rows = answer.hits.map(hit => hit.row);
  return html`
    <p class="row"><b>${answer.hits.length.toLocaleString("en")} nearest</b>
      <span class="quiet">of ${count.value.toLocaleString("en")}, by the distance of ${server.value.rows.of}${answer.exact ? "" : ", by index"}</span>
      <button onClick=${() => select([...selection.value, ...rows])}>Select all</button>
      <button onClick=${() => { select(rows); go("map"); }}>Show on the map</button></p>
    ${answer.notes.map(note => html`<p class="quiet">${note}</p>`)}
    <div class="tiles wide">${answer.hits.map(hit => html`<${Tile} key=${hit.row} row=${hit.row} hit=${hit} />`)}</div>
    ${answer.hits.length >= more.value && more.value < 500 && html`<p class="row"><button onClick=${() => (more.value = Math.min(500, more.value * 2))}>More</button></p>`}`;
}
