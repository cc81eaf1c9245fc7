// The map: every picture where its code lies. Drag to move, lasso to select, drag from one picture to another
// to see what the model decodes between the two.
import { signal } from "@preact/signals";
import { html } from "htm/preact";
import { useEffect, useRef } from "preact/hooks";
import { get, getColumns, pictureOf, postColumns, sheetOf, thumbnailOf, told } from "../api.js";
import { Filter, whole } from "../filter.js";
import { Plane } from "../plane.js";
import { conditions, count, go, key, put, say, select, selection, server, side, toggle, whenever } from "../state.js";
import { Pixels } from "../pixels.js";
import { Strip } from "../strip.js";
import { restoreRow } from "./restore.js";

export const name = "map";
export const title = "Map";
export const line = "Every picture where the model puts it: alike beside alike. Lasso some, or drag from one to another.";

const LAYOUTS = [["pca", "PCA"], ["tsne", "t-SNE"]];
const AT_ONCE = 20000; // pictures of which t-SNE is made without being asked for
const TOOLS = [
  ["move", "Move", "v", "Drag to move, scroll to zoom, click a picture"],
  ["lasso", "Lasso", "l", "Draw around pictures to select them (Shift-drag with any tool)"],
  ["morph", "Morph", "m", "Drag from one picture to another (Alt-drag with any tool)"],
];

// what is kept while another room is looked at
const layout = signal("pca");
const chosen = signal(false); // whether a person chose the layout
const wanted = signal(null); // a layout that is still being made
const note = signal("");
const column = signal(null);
const legend = signal(null);
const look = signal("pictures");
const tool = signal("move");
const pinned = signal(null); // what the panel is about
const morph = signal(null);
const passing = signal(null);
const panelOpen = signal(false);
const card = signal(null);
let view = null; // scale and place, of these rows

export function view_() {
  const host = useRef(null), plane = useRef(null);
  useEffect(() => {
    const made = new Plane(host.current, hands(() => plane.current));
    plane.current = globalThis.narrowsPlane = made;
    made.pad = innerWidth < 700 ? [130, 30, 50, 30] : [80, 60, 60, 60];
    const stops = [
      whenever(() => [key.value, layout.value], (rows, which) => load(made, rows, which)),
      whenever(() => [key.value, column.value], (rows, which) => colour(made, rows, which)),
      whenever(() => [selection.value], rows => made.select(rows)),
      whenever(() => [key.value, conditions.value], (rows, all) => filter(made, rows, all)),
      whenever(() => [tool.value], which => { made.tool = made.canvas.dataset.tool = which; }),
      whenever(() => [look.value], which => { made.look = which; made.ask(); }),
      whenever(() => [pinned.value], which => { made.pinned = which?.row ?? -1; made.ask(); }),
      whenever(() => [wanted.value, server.value], arrived),
    ];
    const keys = event => {
      if (event.ctrlKey || event.metaKey || event.altKey || /input|select|textarea/i.test(event.target.tagName)) return;
      const found = TOOLS.find(one => one[2] === event.key);
      if (found) tool.value = found[0];
      else if (event.key === "d") look.value = look.value === "dots" ? "pictures" : "dots";
      else if (event.key === "Escape") pinned.value = morph.value = null;
    };
    addEventListener("keydown", keys);
    return () => {
      removeEventListener("keydown", keys);
      view = { key: key.value, layout: layout.value, scale: made.scale, left: made.left, top: made.top };
      stops.forEach(stop => stop());
      card.value = null;
      made.close();
    };
  }, []);
  return html`
    <div class="map" ref=${host} role="application" aria-label="Map of the pictures: arrow keys move, plus and minus zoom, Enter picks the picture in the middle">
      <${Tools} plane=${plane} />
      <${Legend} plane=${plane} />
      <p class="hint">${hint()}</p>
    </div>
    <${Card} />
    <${Panel} plane=${plane} />
    <${Morph} />`;
}
export { view_ as view };

function hint() {
  const n = count.value.toLocaleString("en");
  const shown = passing.value ? `${passing.value.count.toLocaleString("en")} of ${n}` : n;
  return `${shown} pictures · ${note.value}`;
}

// ---- what the plane shows ----------------------------------------------------------------------

async function load(plane, rows, which) {
  if (!rows) return;
  const answer = await told(getColumns("/api/map/points", { layout: which }));
  if (!answer || rows !== key.value || which !== layout.value) return;
  if (answer.waiting) {
    wanted.value = { layout: which, job: answer.waiting };
    layout.value = "pca";
    return;
  }
  note.value = answer.note;
  const same = plane.rows === rows;
  const order = server.peek()?.rows?.order;
  if (plane.rows && !same) {
    morph.value = null;
    if (plane.order !== order) pinned.value = null;
    else if (pinned.peek()) void open(pinned.peek().row, plane); // the same picture by another model's codes
  }
  plane.rows = rows;
  plane.order = order;
  plane.layout = which;
  plane.points({ x: answer.x, y: answer.y, side: answer.side, across: answer.across, sheet: sheetOf, same });
  if (!same && view?.key === rows && view.layout === which) Object.assign(plane, view);
  else if (same) plane.fit();
  plane.select(selection.value);
  if (which === "pca" && !chosen.peek() && !wanted.peek() && count.peek() <= AT_ONCE) {
    chosen.value = true; // PCA is there at once; t-SNE, which tells more, comes when it is made
    layout.value = "tsne";
  }
}

// a layout that was waited for is shown when it is there
function arrived() {
  if (!wanted.value) return;
  const job = server.value?.jobs.find(one => one.name === wanted.value.job);
  if (job?.state === "done") {
    const found = wanted.value.layout;
    wanted.value = null;
    layout.value = found;
  } else if (job?.state === "failed") {
    wanted.value = null;
    say(job.message, "error");
  }
}

async function colour(plane, rows, which) {
  if (!rows) return;
  const columns = server.peek()?.rows?.columns ?? [];
  const chosen = which ?? usual(columns);
  const answer = await told(getColumns("/api/map/colours", { column: chosen }));
  if (!answer || rows !== key.peek()) return;
  legend.value = { column: chosen, names: answer.names, colours: answer.colours, numbers: answer.numbers, off: 0 };
  plane.colour(answer.which, answer.colours);
}
// the column that tells the most: one called label, or the first of few values
function usual(columns) {
  const few = columns.filter(one => one.values?.length > 1);
  return (few.find(one => one.name === "label") ?? few[0])?.name ?? "";
}

async function filter(plane, rows, all) {
  if (!rows) return;
  const asked = whole(all);
  if (!asked.length) {
    passing.value = null;
    plane.filter(null);
    return;
  }
  const answer = await told(postColumns("/api/map/passing", { conditions: asked }));
  if (!answer || all !== conditions.peek()) return;
  const each = new Uint8Array(count.peek());
  for (let i = 0; i < each.length; i++) each[i] = (answer.bits[i >> 3] >> (i & 7)) & 1;
  passing.value = { count: answer.count };
  plane.filter(each);
}

// ---- what a person does ------------------------------------------------------------------------

function hands(plane) {
  let resting = 0;
  return {
    hover(row, x, y) {
      clearTimeout(resting);
      if (row < 0) return void (card.value = null);
      if (card.value?.row === row) return void (card.value = { ...card.value, x, y });
      card.value = { row, x, y, about: known.get(`${key.peek()} ${row}`) ?? null };
      resting = setTimeout(async () => {
        const about = await aboutRow(row).catch(() => null); // a hover that fails is no news
        if (card.value?.row === row) card.value = { ...card.value, about };
        const made = await decodedRow(row).catch(() => null);
        if (made && card.value?.row === row) card.value = { ...card.value, made };
      }, 90);
    },
    pick(row, event) {
      if (row < 0) return;
      if (event.ctrlKey || event.metaKey) return toggle(row);
      open(row, plane());
    },
    lasso(rows, event) {
      select(event.shiftKey && tool.value === "lasso" ? [...selection.value, ...rows] : rows);
      if (!rows.length) say("No picture lies inside the lasso.");
    },
    way(first, last, done) {
      void between(first, last, done);
    },
  };
}

// what the model makes of the code under the pointer, where it decodes
async function decodedRow(row) {
  if (server.peek()?.missing.decoder || !server.peek()?.model) return null;
  const made = await getColumns(`/api/map/rows/${row}/decoded`);
  return { pixels: made.frames, shape: made.shapes.frames };
}

const known = new Map(); // what was asked of rows; a few thousand are kept
async function aboutRow(row) {
  const name = `${key.peek()} ${row}`;
  if (!known.has(name)) {
    if (known.size > 2000) known.clear();
    known.set(name, await get(`/api/map/rows/${row}`));
  }
  return known.get(name);
}

async function open(row, plane) {
  pinned.value = { row };
  const about = await told(aboutRow(row));
  if (about && pinned.value?.row === row) pinned.value = about;
  if (plane) plane.ask();
  const made = await decodedRow(row).catch(() => null);
  if (made && pinned.value?.row === row) pinned.value = { ...pinned.value, made };
}

let asked = null, next = null;
async function between(first, last, done) {
  // one question at a time; while the pointer moves only the newest waits
  next = { first, last };
  if (asked) return;
  while (next) {
    const now = (asked = next);
    next = null;
    const answer = await told(postColumns("/api/map/morph", now));
    if (answer) morph.value = { ...now, ...answer, names: [answer.first, answer.last], first: now.first, last: now.last };
    else next = null;
  }
  asked = null;
  if (done && innerWidth < 700) pinned.value = null;
}

// ---- around the plane --------------------------------------------------------------------------

function Tools({ plane }) {
  const columns = server.value?.rows?.columns ?? [];
  return html`<div class="tools" onPointerDown=${event => event.stopPropagation()}>
    <div class="choice" role="group" aria-label="Tool">
      ${TOOLS.map(([value, text, letter, what]) => html`<button aria-pressed=${tool.value === value} title=${`${what} (${letter})`} onClick=${() => (tool.value = value)}>${text}</button>`)}
    </div>
    <div class="choice" role="group" aria-label="Layout">
      ${LAYOUTS.map(([value, text]) => html`<button aria-pressed=${layout.value === value} aria-busy=${wanted.value?.layout === value} onClick=${() => { chosen.value = true; layout.value = value; }}>${text}</button>`)}
    </div>
    <div class="choice" role="group" aria-label="Drawn as">
      <button aria-pressed=${look.value === "pictures"} title="One picture wherever there is room (d)" onClick=${() => (look.value = "pictures")}>Pictures</button>
      <button aria-pressed=${look.value === "dots"} title="A dot for each picture (d)" onClick=${() => (look.value = "dots")}>Dots</button>
    </div>
    <div class="choice" role="group" aria-label="View">
      <button aria-label="Zoom in" onClick=${() => plane.current.zoom(plane.current.width / 2, plane.current.height / 2, 1.5)}>+</button>
      <button aria-label="Zoom out" onClick=${() => plane.current.zoom(plane.current.width / 2, plane.current.height / 2, 1 / 1.5)}>−</button>
      <button onClick=${() => plane.current.fit()}>All</button>
    </div>
    ${columns.length > 0 && html`<details class="more" open=${panelOpen.value} onToggle=${event => (panelOpen.value = event.target.open)}>
      <summary>Colour and filter${whole(conditions.value).length ? ` (${whole(conditions.value).length})` : ""}</summary>
      <div>
        <label>Colour by <select value=${column.value ?? legend.value?.column ?? ""} onChange=${event => (column.value = event.target.value)}>
          <option value="">nothing</option>
          ${columns.map(one => html`<option value=${one.name}>${one.name}</option>`)}
        </select></label>
        <${Filter} />
      </div>
    </details>`}
  </div>`;
}

function Legend({ plane }) {
  const shown = legend.value;
  if (!shown?.names.length) return null;
  if (shown.numbers) {
    const [low, high] = shown.numbers, steps = shown.colours.slice(0, 32);
    return html`<div class="legend scale" aria-label=${`Colours: ${shown.column} from ${low} to ${high}`}>
      <b>${shown.column}</b>
      <div class="steps">${steps.map(colour => html`<i style=${{ background: colour }}></i>`)}</div>
      <div class="ends"><span>${short(low)}</span><span>${short(high)}</span></div>
    </div>`;
  }
  return html`<div class="legend" role="group" aria-label=${`Colours of ${shown.column}`} data-off=${shown.off}>
    <b>${shown.column}</b>
    ${shown.names.map((text, i) => html`<button aria-pressed=${!plane.current?.hidden[i]} class=${plane.current?.hidden[i] ? "off" : ""} title="Show this one alone" onClick=${() => {
      plane.current.isolate(i);
      legend.value = { ...shown, off: shown.off + 1 };
    }}><i style=${{ background: shown.colours[i] }}></i>${text}</button>`)}
  </div>`;
}
const short = value => Number(value.toPrecision(3)).toLocaleString("en");

function Card() {
  const shown = card.value;
  if (!shown) return null;
  const right = shown.x > innerWidth - 280, low = shown.y > innerHeight - 330;
  const place = {
    left: right ? "auto" : `${shown.x + 18}px`, right: right ? `${innerWidth - shown.x + 18}px` : "auto",
    top: low ? "auto" : `${shown.y + 66}px`, bottom: low ? `${innerHeight - shown.y - 30}px` : "auto",
  };
  return html`<div class="card" style=${place} aria-hidden="true">
    <div class="twice"><img src=${thumbnailOf(shown.row)} alt="" key=${shown.row} />
      ${shown.made && html`<${Pixels} key=${`made ${shown.row}`} pixels=${shown.made.pixels} shape=${shown.made.shape} label="its reconstruction" />`}</div>
    ${shown.made && html`<div class="quiet twice small"><span>picture</span><span>decoded</span></div>`}
    ${shown.about && html`<div class="name">${shown.about.id}</div>
      <div class="quiet">${facts(shown.about.columns)}</div>
      <div class="near">${shown.about.neighbours.slice(0, 6).map(one => html`<img key=${one.row} src=${thumbnailOf(one.row)} alt="" />`)}</div>`}
  </div>`;
}
function facts(columns) {
  const rest = Object.entries(columns).filter(([name, value]) => value !== null && !["size", "width", "height"].includes(name));
  return rest.slice(0, 3).map(([name, value]) => `${name}: ${typeof value === "number" ? short(value) : value}`).join(" · ");
}

function Panel({ plane }) {
  const shown = pinned.value;
  if (!shown) return null;
  const term = { row: shown.row };
  return html`<aside class="panel" aria-label="Picture">
    <button class="icon close" aria-label="Close" onClick=${() => (pinned.value = null)}>×</button>
    <img class="large" src=${pictureOf(shown.row)} alt=${shown.id ?? "picture"} />
    ${shown.made && html`<figure class="decoded-of"><${Pixels} key=${shown.row} pixels=${shown.made.pixels} shape=${shown.made.shape} label="What the model decodes of its code" /><figcaption class="quiet small">decoded from its code</figcaption></figure>`}
    <h2>${shown.id ?? "…"}</h2>
    ${shown.columns && html`<dl class="facts">${Object.entries(shown.columns).map(([name, value]) => html`<dt>${name}</dt><dd>${value === null ? "–" : String(value)}</dd>`)}</dl>`}
    <p class="row">
      <button class="main" onClick=${() => { put(term, 1); go("search"); }}>Search like this</button>
      <button aria-pressed=${selection.value.includes(shown.row)} onClick=${() => toggle(shown.row)}>${selection.value.includes(shown.row) ? "Selected" : "Select"}</button>
      <button onClick=${() => plane.current.show(shown.row)}>Show</button>
      ${!server.value.rooms.restore && html`<button title="Fill holes, take noise out, enlarge" onClick=${() => restoreRow(shown.row)}>Restore</button>`}
      ${side(term) !== -1 && html`<button onClick=${() => { put(term, -1); say("It is taken away in the search now."); }}>Search unlike this</button>`}
    </p>
    ${shown.neighbours?.length > 0 && html`<h3>Nearest by code</h3>
      <div class="tiles">${shown.neighbours.map(one => html`<button key=${one.row} class="tile" title=${one.id} onClick=${() => open(one.row, plane.current)}>
        <img src=${thumbnailOf(one.row)} alt=${one.id} loading="lazy" /><span>${one.distance.toPrecision(3)}</span>
      </button>`)}</div>`}
  </aside>`;
}

function Morph() {
  const shown = morph.value;
  if (tool.value === "morph" && !shown && !server.value?.missing.decoder && !server.value?.missing.model)
    return html`<p class="floating quiet">Drag from one picture to another.</p>`;
  if (!shown) return null;
  return html`<section class="morph" aria-label=${`From ${shown.names[0]} to ${shown.names[1]}`}>
    <button class="icon close" aria-label="Close" onClick=${() => (morph.value = null)}>×</button>
    <h2>${shown.names[0]} <span aria-hidden="true">→</span> ${shown.names[1]}</h2>
    <${Strip} label="decoded codes" pixels=${shown.frames} shape=${shown.shapes.frames} />
    <${Strip} label="faded pixels" pixels=${shown.fade} shape=${shown.shapes.fade} quiet=${true} />
  </section>`;
}
