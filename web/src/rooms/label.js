// Label a few: pictures are put into classes by hand; from ten on a probe of the codes proposes the rest, least certain
// first, so that every further click tells it most.
import { computed, signal } from "@preact/signals";
import { html } from "htm/preact";
import { useEffect } from "preact/hooks";
import { getColumns, handOver, labelsOf, put as write, thumbnailOf, told } from "../api.js";
import { useKeys } from "../keys.js";
import { count, go, key, select, selection, server, toggle, whenever } from "../state.js";
import { Typed } from "../typed.js";

export const name = "label";
export const title = "Label";
export const line = "Put a few pictures into classes; from ten on the rest is proposed, the least certain first. Take it all along as CSV.";

const LETTERS = "asdfghl"; // keys of the first classes
const PART = 60;
const NONE = 255;

const labels = signal(null); // {names, which, enough}
const proposals = signal(null); // {names, rows, which, certainty, held_out}
const made = signal([]); // classes that have no picture yet
const typed = signal("");
const history = signal([]); // [{rows, before}], the newest last
const at = signal(0);
const shown = signal(PART);
const surer = signal(0.9);
const begun = signal(0); // which pictures are shown to begin with

const classes = computed(() => [...new Set([...(labels.value?.names ?? []), ...made.value])]);
const counts = computed(() => {
  const found = new Map();
  for (const each of labels.value?.which ?? []) if (each !== NONE) found.set(labels.value.names[each], (found.get(labels.value.names[each]) ?? 0) + 1);
  return found;
});
const total = computed(() => [...counts.value.values()].reduce((a, b) => a + b, 0));
const listed = computed(() => {
  const given = proposals.value;
  if (given?.rows) return given.rows;
  // before that, pictures without a class, spread over all
  const n = count.value, rows = [], many = Math.min(n, 240);
  for (let i = 0; i < many; i++) {
    const row = Math.floor((((i + 0.5) / many + begun.value * 0.382) % 1) * n);
    if (!labels.value || labels.value.which[row] === NONE) rows.push(row);
  }
  return [...new Set(rows)];
});

export function view() {
  useEffect(() => whenever(() => [key.value], load), []);
  const keys = { j: () => step(1), ArrowRight: () => step(1), k: () => step(-1), ArrowLeft: () => step(-1), u: undo, " ": pick, Enter: agree };
  [...LETTERS].forEach((letter, i) => (keys[letter] = () => classes.value[i] && put(classes.value[i])));
  useKeys(keys);
  if (!labels.value) return html`<p class="quiet lead review">One moment …</p>`;
  return html`<div class="review label"><${Classes} /><${Pictures} /></div>`;
}

async function load(rows) {
  if (!rows) return;
  const answer = await told(getColumns("/api/label"));
  if (!answer || rows !== key.peek()) return;
  labels.value = { ...answer, which: answer.which.slice() };
  await propose();
}

// one question at a time; of those that came meanwhile the last one counts
let asking = false, stale = false;
async function propose() {
  if (total.peek() < labels.peek().enough || counts.peek().size < 2) return void (proposals.value = null);
  stale = true;
  if (asking) return;
  asking = true;
  while (stale) {
    stale = false;
    const answer = await told(getColumns("/api/label/proposals"));
    if (answer) proposals.value = answer.rows ? answer : null;
  }
  asking = false;
  at.value = 0;
}

// ---- putting -----------------------------------------------------------------------------------

// what a class is given to: what is selected, else the picture at hand
const meant = () => (selection.value.length ? [...selection.value] : listed.value[at.value] === undefined ? [] : [listed.value[at.value]]);

async function put(label, rows = meant(), undoing = false) {
  if (!rows.length || server.value.read_only) return;
  const answer = await told(write("/api/label", { rows, name: label }));
  if (!answer) return;
  if (!undoing) history.value = [...history.value, { rows, before: answer.before }];
  if (selection.value.length) select([]);
  const { names, which } = labels.value, next = label === null || names.includes(label) ? names : [...names, label].sort();
  const moved = names.map(one => next.indexOf(one)), fresh = which.map(each => (each === NONE ? NONE : moved[each]));
  for (const row of rows) fresh[row] = label === null ? NONE : next.indexOf(label);
  labels.value = { ...labels.value, names: next, which: fresh };
  if (proposals.value?.rows) {
    // gone from the list at once; the new order comes when it is there
    const given = proposals.value, kept = [...given.rows.keys()].filter(i => fresh[given.rows[i]] === NONE);
    proposals.value = { ...given, rows: given.rows.filter((_, i) => fresh[given.rows[i]] === NONE), which: given.which.filter((_, i) => fresh[given.rows[i]] === NONE), certainty: Float32Array.from(kept, i => given.certainty[i]) };
  }
  at.value = Math.min(at.value, Math.max(0, listed.value.length - 1));
  await propose();
}

async function undo() {
  const last = history.value.at(-1);
  if (!last || server.value.read_only) return;
  history.value = history.value.slice(0, -1);
  const of = new Map();
  last.rows.forEach((row, i) => of.set(last.before[i], [...(of.get(last.before[i]) ?? []), row]));
  for (const [label, rows] of of) await put(label, rows, true);
}

const proposed = place => (proposals.value?.rows ? proposals.value.names[proposals.value.which[place]] : null);
const agree = () => proposed(at.value) && put(proposed(at.value));
const pick = () => listed.value[at.value] !== undefined && toggle(listed.value[at.value]);

async function agreeWithSure() {
  const { names, rows, which, certainty } = proposals.value, of = new Map();
  rows.forEach((row, i) => certainty[i] >= surer.value && of.set(names[which[i]], [...(of.get(names[which[i]]) ?? []), row]));
  for (const [label, some] of of) await put(label, some);
}

function step(by) {
  at.value = Math.max(0, Math.min(listed.value.length - 1, at.value + by));
  if (at.value >= shown.value) shown.value += PART;
  document.querySelector(`.label [data-place="${at.value}"]`)?.scrollIntoView({ block: "nearest" });
}

function add(event) {
  event.preventDefault();
  const text = typed.value.trim();
  if (!text) return;
  if (!classes.value.includes(text)) made.value = [...made.value, text];
  typed.value = "";
  if (selection.value.length) void put(text);
}

// ---- what is shown -----------------------------------------------------------------------------

function Classes() {
  const many = selection.value.length, locked = server.value.read_only, { enough } = labels.value;
  const missing = counts.value.size < 2 ? "two classes" : `${enough - total.value} more`;
  return html`<section class="question" aria-label="Classes">
    <p class="quiet lead">${line}</p>
    <div class="row">
      ${classes.value.map((one, i) => html`<button key=${one} disabled=${locked} title=${many ? `Put the ${many} selected into ${one}` : `Put the picture at hand into ${one}`} onClick=${() => put(one)}>${one} <small>${counts.value.get(one) ?? 0}</small>${LETTERS[i] ? html` <kbd>${LETTERS[i]}</kbd>` : null}</button>`)}
      <form class="row" onSubmit=${add}><input aria-label="A new class" placeholder="a new class" maxlength="100" value=${typed.value} onInput=${event => (typed.value = event.target.value)} /><button disabled=${locked || !typed.value.trim()}>Add</button></form>
    </div>
    <div class="row small">
      <span role="status">${total.value.toLocaleString("en")} labelled${total.value < enough || counts.value.size < 2 ? html`<span class="quiet">: proposals begin with ${enough} of two classes, ${missing} to go</span>` : ""}</span>
      <button disabled=${!history.value.length} onClick=${undo}>Undo <kbd>u</kbd></button>
      ${many > 0 && html`<button disabled=${locked} onClick=${() => put(null)}>Take the class away</button>`}
      <button onClick=${() => go("map")}>Lasso on the map</button>
      ${total.value > 0 && html`<a class="end" href=${labelsOf()} download="labels.csv" onClick=${handOver}>Save as CSV</a>`}
    </div>
    ${locked && html`<p class="quiet small">This studio is read-only: classes would be kept in the collection.</p>`}
  </section>`;
}

function Pictures() {
  const given = proposals.value?.rows ? proposals.value : null, rows = listed.value, some = Math.min(shown.value, rows.length);
  const sure = given ? given.certainty.reduce((n, each) => n + (each >= surer.value), 0) : 0;
  return html`<section class="queue" aria-label=${given ? "Proposals" : "Pictures to begin with"}>
    ${given
      ? html`<div class="row"><b>${rows.length.toLocaleString("en")} proposed</b><span class="quiet">the least certain first${given.held_out === null ? "" : `; of labelled ones held out, ${Math.round(100 * given.held_out)} % were right`}</span>
          <button disabled=${!rows.length} onClick=${agree}>Agree with the first <kbd>Enter</kbd></button>
          <label class="small">certain from <${Typed} class="number" type="number" min="0" max="1" step="0.05" aria-label="Certain from" value=${surer.value} take=${text => (surer.value = Number(text) || 0)} /></label>
          <button disabled=${!sure || server.value.read_only} onClick=${agreeWithSure}>Agree with ${sure.toLocaleString("en")}</button></div>`
      : html`<div class="row"><span class="quiet">Click some of one kind, then their class.</span><button onClick=${() => begun.value++}>Others</button></div>`}
    <div class="tiles">${Array.from({ length: some }, (_, place) => {
      const row = rows[place], chosen = selection.value.includes(row);
      return html`<button key=${row} data-place=${place} aria-pressed=${chosen} class=${`tile ${chosen ? "chosen" : ""} ${place === at.value ? "at" : ""}`} onClick=${() => { at.value = place; toggle(row); }}>
        <img src=${thumbnailOf(row)} alt=${given ? `proposed: ${proposed(place)}` : `picture ${row}`} loading="lazy" />
        ${given ? html`<span>${proposed(place)} <i>${given.certainty[place].toFixed(2)}</i></span>` : null}</button>`;
    })}</div>
    ${some < rows.length && html`<p class="row"><button onClick=${() => (shown.value += PART)}>More</button></p>`}
  </section>`;
}
