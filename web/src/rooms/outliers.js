// Outliers: the most anomalous pictures first. A person looks, moves the threshold, confirms or dismisses.
import { computed, signal } from "@preact/signals";
import { html } from "htm/preact";
import { useEffect } from "preact/hooks";
import { get, getColumns, handOver, outliersOf, pageOf, pictureOf, post, postColumns, put as write, refresh, settled, thumbnailOf, told } from "../api.js";
import { Filter, whole } from "../filter.js";
import { useKeys } from "../keys.js";
import { saved } from "../pixels.js";
import { conditions, count, finished, go, key, put, say, select, selection, server, whenever } from "../state.js";
import { Strip } from "../strip.js";
import { Typed } from "../typed.js";
import { Batch } from "./outliers/batch.js";
import { Marked, bitsOf } from "./outliers/mask.js";
import { Report } from "./outliers/report.js";

export const name = "outliers";
export const title = "Outliers";
export const line = "The pictures that do not belong among normal ones, the most anomalous first; you confirm or dismiss them.";

const ANOMALY = 1, NORMAL = 2;
const WORDS = [null, "anomaly", "normal"];
const PART = 48; // tiles of the queue at a time

const normal = signal("all"); // which pictures are normal: all, filter, selection
const among = signal("all"); // which are in question: all, others
const every = signal(false); // whether by all scores that the model has
const waiting = signal(false);
const failed = signal("");
const found = signal(null); // the queue
const score = signal("");
const threshold = signal(0);
const at = signal(0); // the place in the queue
const tiles = signal(PART);
const verdicts = signal(new Uint8Array()); // of the queue's places
const history = signal([]); // [{places, before}], the newest last
const heat = signal(true);
const seen = signal(null); // what the model makes of the picture at hand
const about = signal(null);
const again = signal(true); // whether the question is shown
const rate = signal(0.01); // of false alarms, for which a threshold is set
const choice = signal(null); // what each score is expected to find
const known = signal({ column: "", normal: "" }); // how it is known what is an anomaly: by verdicts, or a column
const marking = signal(false); // whether a drag paints the flaw
const drawn = signal(0); // goes up when the mask has to be drawn anew
const allMasks = signal(null); // {rows, pixels}
const reporting = signal(false);

const job = () => server.value?.jobs.find(one => one.name === "outliers");
const above = computed(() => {
  const queue = found.value;
  if (!queue) return 0;
  let n = 0;
  while (n < queue.rows.length && queue.scores[n] > threshold.value) n++;
  return n;
});
const reviewed = computed(() => {
  const all = { anomaly: 0, normal: 0 }, flagged = { anomaly: 0, normal: 0 };
  verdicts.value.forEach((verdict, place) => {
    if (!verdict) return;
    all[WORDS[verdict]]++;
    if (place < above.value) flagged[WORDS[verdict]]++;
  });
  return { all, flagged };
});

export function view() {
  useEffect(() => {
    const stops = [
      whenever(() => [key.value, server.value], arrived),
      whenever(() => [score.value], () => found.peek() && load()),
      whenever(() => [server.value?.came?.number], came => came && found.peek() && load()),
      whenever(() => [found.value, at.value], look),
      whenever(() => [found.value, known.value, rate.value], choose),
      whenever(() => [found.value?.number], tellMasks),
    ];
    return () => stops.forEach(stop => stop());
  }, []);
  useKeys({
    j: () => step(1), ArrowRight: () => step(1), ArrowDown: () => step(1),
    k: () => step(-1), ArrowLeft: () => step(-1), ArrowUp: () => step(-1),
    c: () => decide(ANOMALY), d: () => decide(NORMAL), u: undo, h: () => (heat.value = !heat.value), m: mark_,
  });
  const queue = found.value?.key === key.value ? found.value : null; // of other rows than these it is read again
  if (queue && reporting.value) return html`<${Report} queue=${queue} above=${above.value} threshold=${threshold.value} counts=${reviewed.value} verdicts=${verdicts.value} alarms=${alarmsOf(queue)} back=${() => (reporting.value = false)} save=${() => saveReport(queue)} />`;
  return html`<div class="review outliers">
    ${again.value || !queue ? html`<${Question} />` : null}
    ${queue && html`<${Case} queue=${queue} /><div class="side"><${Threshold} queue=${queue} /><${Choice} queue=${queue} /><${Queue} queue=${queue} /><${Batch} queue=${queue} threshold=${threshold.value} /></div>`}
  </div>`;
}

// ---- asking ------------------------------------------------------------------------------------

async function begin() {
  failed.value = "";
  const body = { among: among.value, every: every.value };
  if (normal.value === "filter") body.normal = whole(conditions.value);
  if (normal.value === "selection") body.normal_rows = [...selection.value];
  waiting.value = true;
  if (!(await told((server.value.read_only ? post : write)("/api/outliers", body)))) waiting.value = false;
}

// what was found before, or what was waited for
async function arrived(rows) {
  const going = job();
  if (!rows || !going) return;
  if (going.state === "running") return void (waiting.value = true);
  if (going.state === "failed" && waiting.peek()) failed.value = going.message;
  if (going.state === "stopped") return void (waiting.value = false);
  const mine = waiting.peek(), news = mine || (found.peek()?.key !== rows && loading !== rows);
  waiting.value = false;
  if (news) await load(mine || !found.peek());
}

let loading = null; // the key of the rows whose queue is on its way
async function load(fresh = false) {
  const rows = (loading = key.peek());
  if (fresh) score.value = "";
  await settled(); // verdicts that are on their way are in the answer
  const answer = await told(getColumns("/api/outliers", { score: score.peek(), rate: String(rate.peek()) }));
  if (!answer?.number || rows !== key.peek()) return;
  const old = found.peek();
  const same = !fresh && old && old.by === answer.by && old.rule === answer.rule; // more pictures, by the same score
  if (!same) threshold.value = answer.threshold ?? answer.scores[0] ?? 0;
  verdicts.value = answer.verdicts.slice();
  if (fresh || !old || old.by !== answer.by) at.value = 0;
  if (fresh || old?.key !== rows || old.number !== answer.number) history.value = []; // places are others
  if (!old || answer.number !== old.number) again.value = false;
  found.value = { ...answer, key: rows };
}

function Question() {
  const columns = server.value.rows.columns.length > 0, some = selection.value.length;
  const choose = (signal, value) => () => {
    signal.value = value;
    if (signal === normal) among.value = value === "all" ? "all" : "others";
  };
  const all = normal.value === "all";
  const unready = (normal.value === "filter" && !whole(conditions.value).length) || (normal.value === "selection" && !some);
  return html`<section class="question" aria-label="What is looked for">
    <p class="quiet lead">${line}</p>
    <div class="row"><span>Normal pictures are</span>
      <div class="choice" role="group" aria-label="Normal pictures are">
        <button aria-pressed=${all} onClick=${choose(normal, "all")}>most of these</button>
        ${columns && html`<button aria-pressed=${normal.value === "filter"} onClick=${choose(normal, "filter")}>those that pass a filter</button>`}
        <button aria-pressed=${normal.value === "selection"} onClick=${choose(normal, "selection")}>the selected${some ? ` (${some.toLocaleString("en")})` : ""}</button>
      </div></div>
    ${normal.value === "filter" && html`<${Filter} />`}
    ${normal.value === "selection" && !some && html`<p class="quiet">Select some normal pictures first: with the lasso on the map, or with Ctrl-click.</p>`}
    ${!all && html`<div class="row"><span>Look among</span>
      <div class="choice" role="group" aria-label="Look among">
        <button aria-pressed=${among.value === "others"} onClick=${choose(among, "others")}>the others</button>
        <button aria-pressed=${among.value === "all"} onClick=${choose(among, "all")}>all of them</button>
      </div></div>`}
    ${server.value.model && html`<label class="row small"><input type="checkbox" checked=${every.value} onChange=${event => (every.value = event.target.checked)} /> by every score that the model has, not the three usual ones (takes longer)</label>`}
    <div class="row"><button class="main" disabled=${waiting.value || unready} onClick=${begin}>Find outliers</button>
      ${waiting.value ? html`<span class="quiet" role="status">Looking: the pictures are read again and scored.</span>` : null}
      ${found.value && html`<button onClick=${() => (again.value = false)}>Back to what was found</button>`}</div>
    ${failed.value && html`<p class="refused" role="alert">${failed.value}</p>`}
  </section>`;
}

// ---- the threshold -----------------------------------------------------------------------------

const share = (n, of) => (of ? `${((100 * n) / of).toLocaleString("en", { maximumSignificantDigits: 3 })} %` : "–");
const short = (value, digits = 4) => Number(value.toPrecision(digits)).toString();

// how many of ascending values lie above t, and how many at it or above
function higher(values, t, equal) {
  let low = 0, high = values.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (equal ? values[middle] < t : values[middle] <= t) low = middle + 1;
    else high = middle;
  }
  return values.length - low;
}

const alarmsOf = queue => higher(queue.normal, threshold.value, false);

function Threshold({ queue }) {
  const { normal: usual, scores } = queue, t = threshold.value;
  const [low, high] = span(queue);
  const alarms = alarmsOf(queue), p = (1 + higher(usual, t, true)) / (1 + usual.length);
  const set = text => {
    const value = Number.parseFloat(text);
    if (Number.isFinite(value)) threshold.value = value;
  };
  return html`<section class="threshold" aria-label="Threshold">
    <div class="row">
      <b>${above.value.toLocaleString("en")} of ${scores.length.toLocaleString("en")} above</b>
      <span title="The share of normal pictures above the threshold">false alarms ${share(alarms, usual.length)} <span class="quiet">of ${usual.length.toLocaleString("en")} normal pictures (${queue.judged})</span></span>
      <span title="Of a picture right at the threshold: how often a normal picture is at least as anomalous">p ≤ ${short(p, 2)}</span>
      <button class="end" onClick=${() => (again.value = true)}>Look again …</button>
    </div>
    <${Histogram} queue=${queue} low=${low} high=${high} />
    <input type="range" aria-label="Threshold" min=${low} max=${high} step=${(high - low) / 1000} value=${t}
      onInput=${event => set(event.target.value)} />
    <div class="row small">
      <label>threshold <${Typed} class="number" type="number" step="any" aria-label="Threshold as a number" value=${short(t)} take=${set} /></label>
      ${queue.names.length > 1 && html`<label>score <select value=${queue.by} onChange=${event => (score.value = event.target.value)}>
        ${queue.names.map(one => html`<option value=${one}>${one}</option>`)}</select></label>`}
      <button onClick=${() => (threshold.value = queue.threshold ?? scores[0])} title=${queue.rule}>at ${queue.rule}</button>
      <button onClick=${() => { select(queue.rows.slice(0, above.value)); go("map"); }}>Those above on the map</button>
      <a class="button" href=${outliersOf({ score: queue.by, threshold: String(t) })} download="outliers.csv" onClick=${handOver}>Save as CSV</a>
      <button onClick=${() => (reporting.value = true)}>Report …</button>
    </div>
    <${Counts} />
    ${watched(queue)}
    ${queue.notes.length > 0 && html`<details class="notes"><summary>${queue.notes.length === 1 ? "A note" : `${queue.notes.length} notes`}</summary>${queue.notes.map(note => html`<p>${note}</p>`)}</details>`}
  </section>`;
}

// what was said so far, on both sides of the threshold
function Counts() {
  const { all, flagged } = reviewed.value, looked = all.anomaly + all.normal;
  if (!looked) return html`<p class="precision quiet" role="status">Confirm or dismiss some, and what lies on which side of the threshold is counted here.</p>`;
  const recalled = all.anomaly ? share(flagged.anomaly, all.anomaly) : "–", above = flagged.anomaly + flagged.normal;
  return html`<div class="counts" role="status">
    <table><caption class="unseen">Pictures that were looked at</caption>
      <thead><tr><td></td><th scope="col">above</th><th scope="col">not above</th></tr></thead>
      <tbody><tr><th scope="row">anomalies</th><td><b>${flagged.anomaly}</b> found</td><td><b>${all.anomaly - flagged.anomaly}</b> missed</td></tr>
        <tr><th scope="row">normal</th><td><b>${flagged.normal}</b> false ${flagged.normal === 1 ? "alarm" : "alarms"}</td><td><b>${all.normal - flagged.normal}</b> passed</td></tr></tbody></table>
    <p><b>precision ${above ? share(flagged.anomaly, above) : "–"}</b>, <b>recall ${recalled}</b><br /><span class="quiet small">of ${looked} looked at, no random sample</span></p>
  </div>`;
}

function watched(queue) {
  if (!server.value.watches) return null;
  let came = 0, high = 0;
  queue.came.forEach((one, place) => { came += one; high += one && place < above.value; });
  return html`<p class="small" role="status">Watching the folder: ${came ? html`<b>${came.toLocaleString("en")} new ${came === 1 ? "picture" : "pictures"}, ${high.toLocaleString("en")} above the threshold</b>` : "new pictures are scored as they come"}.</p>`;
}

// where the axis begins and ends: all but a thousandth of the scores, and the threshold
function span({ normal: usual, scores, threshold: own }) {
  const end = (values, q) => values[Math.min(values.length - 1, Math.max(0, Math.round(q * (values.length - 1))))];
  const low = Math.min(end(usual, 0.001), end(scores, 0.999)), high = Math.max(end(usual, 0.999), scores[0], own ?? -Infinity);
  const more = (high - low || Math.abs(high) || 1) * 0.02;
  return [low - more, high + more];
}

function Histogram({ queue, low, high }) {
  const bins = 60, wide = 600, tall = 64, t = threshold.value;
  const path = values => {
    const counts = new Float64Array(bins);
    for (const value of values) counts[Math.min(bins - 1, Math.max(0, Math.floor(((value - low) / (high - low)) * bins)))]++;
    const most = Math.max(...counts) || 1;
    let d = `M0 ${tall}`;
    counts.forEach((n, i) => (d += `V${(tall - (n / most) * (tall - 4)).toFixed(1)}H${(((i + 1) * wide) / bins).toFixed(1)}`));
    return `${d}V${tall}Z`;
  };
  const x = Math.max(0, Math.min(wide, ((t - low) / (high - low)) * wide));
  return html`<div class="histogram"><svg viewBox=${`0 0 ${wide} ${tall}`} preserveAspectRatio="none" role="img" aria-label="How often each score is: normal pictures, and those in question">
      <path class="usual" d=${path(queue.normal)} /><path class="others" d=${path(queue.scores)} />
      <line x1=${x} x2=${x} y1="0" y2=${tall} />
    </svg><span class="key"><i class="usual"></i>normal, ${queue.judged} <i class="others"></i>in question</span></div>`;
}

// ---- which score finds most --------------------------------------------------------------------

const RATES = [0.01, 0.02, 0.05, 0.1, 0.2];
let asked = 0;
async function choose() {
  const mine = ++asked;
  if (!found.peek()?.number || found.peek().key !== key.peek()) return;
  await settled();
  const answer = await told(get("/api/outliers/choice", { rate: String(rate.peek()), ...known.peek() }));
  if (answer && mine === asked) choice.value = answer;
}
let later = 0;
const chooseSoon = () => {
  clearTimeout(later);
  later = setTimeout(choose, 300);
};

function take(name) {
  if (score.peek() === name) void load();
  else score.value = name;
  say(`The queue is by ${name} now, at a false-alarm rate of ${choice.value.rate}.`);
}

function Choice({ queue }) {
  const found = choice.value, { column, normal: usual } = known.value;
  const columns = server.value.rows.columns.filter(one => one.name !== "verdict" && one.values?.length > 1 && one.values.length <= 30 && one.kind !== "number");
  const percent = ([mean, spread]) => `${(100 * mean).toFixed(0)} % ± ${(100 * spread).toFixed(0)}`;
  return html`<section class="threshold choice-of" aria-label="Which score">
    <div class="row"><b>Which score finds most?</b>
      <label class="small">known by <select aria-label="Known by" value=${column} onChange=${event => (known.value = { column: event.target.value, normal: columns.find(one => one.name === event.target.value)?.values[0] ?? "" })}>
        <option value="">my verdicts</option>${columns.map(one => html`<option value=${one.name}>${one.name}</option>`)}</select></label>
      ${column && html`<label class="small">normal is <select aria-label="Normal is" value=${usual} onChange=${event => (known.value = { column, normal: event.target.value })}>
        ${columns.find(one => one.name === column)?.values.map(one => html`<option value=${one}>${one}</option>`)}</select></label>`}
      <label class="small">false alarms <select aria-label="False alarms" value=${rate.value} onChange=${event => (rate.value = Number(event.target.value))}>
        ${RATES.map(one => html`<option value=${one}>${100 * one} %</option>`)}</select></label></div>
    ${!found ? null : found.why
      ? html`<p class="quiet small" role="status">${found.why}${column ? "" : html`: confirm ${Math.max(1, found.enough - found.anomalies)} more, also some further down the queue`}.</p>`
      : html`<div class="wide"><table class="effects scores">
          <thead><tr><th scope="col">score</th><th scope="col">found</th><th scope="col">false alarms</th><th scope="col">AUROC</th></tr></thead>
          <tbody>${found.rows.map((one, i) => html`<tr key=${one.name} class=${i === 0 ? "own" : ""}><th scope="row"><button aria-label=${`Take ${one.name}`} aria-pressed=${one.name === queue.by} title=${one.name === queue.by ? "The queue is by it" : "Take it: the queue is by it then"} onClick=${() => take(one.name)}>${one.name}</button></th><td>${percent(one.found)}</td><td>${percent(one.false_alarms)}</td><td>${one.auroc.toFixed(3)}</td></tr>`)}</tbody></table></div>
        <p class="quiet small">Mean ± spread over ${found.folds} folds of ${found.anomalies} anomalies and ${found.normal.toLocaleString("en")} normal pictures; each threshold is of the other folds, at a false-alarm rate of ${short(found.rate, 2)}. Taking the best like this finds ${percent(found.selected)}.${column ? "" : ` You have looked at the top of the queue by ${queue.by}, which favours it: look further down too.`} ${found.notes.join(" ")}</p>`}
  </section>`;
}

// ---- the report --------------------------------------------------------------------------------

async function saveReport(queue) {
  try {
    const { job, file } = await post("/api/share", { what: "queue", score: queue.by, threshold: threshold.peek() });
    await refresh();
    await finished(job);
    saved(pageOf(file));
  } catch (error) {
    say(error.message, "error");
  }
}

// ---- the picture at hand -----------------------------------------------------------------------

let resting = 0;
function look(queue, place) {
  clearTimeout(resting);
  seen.value = about.value = null;
  const row = queue?.rows[place];
  if (row === undefined) return;
  resting = setTimeout(async () => {
    const known = await told(get(`/api/map/rows/${row}`, { neighbours: "false" }));
    if (known && found.peek()?.rows[at.peek()] === row) about.value = known;
    if (!queue.decodes || !found.peek()) return;
    const made = await told(getColumns(`/api/outliers/seen/${row}`));
    if (made && found.peek()?.rows[at.peek()] === row) seen.value = { ...made, row };
  }, 60);
}

function step(by) {
  const n = found.value?.rows.length ?? 0;
  if (!n) return;
  at.value = Math.max(0, Math.min(n - 1, at.value + by));
  if (at.value >= tiles.value) tiles.value += PART;
  document.querySelector(`.queue [data-place="${at.value}"]`)?.scrollIntoView({ block: "nearest" });
}

function mark(places, values) {
  const next = verdicts.value.slice();
  places.forEach((place, i) => (next[place] = values[i]));
  verdicts.value = next;
}

async function decide(verdict) {
  const queue = found.value, place = at.value, row = queue?.rows[place];
  if (row === undefined || server.value.read_only) return;
  const before = verdicts.value[place];
  const next = before === verdict ? 0 : verdict; // the same again takes it back
  mark([place], [next]);
  chooseSoon();
  history.value = [...history.value, { place, before }];
  if (next) step(1);
  if (!(await told(write("/api/outliers/verdicts", { rows: [row], verdict: WORDS[next] })))) {
    mark([place], [before]);
    history.value = history.value.filter(one => one.place !== place);
  }
  chooseSoon();
}

// ---- masks -------------------------------------------------------------------------------------

function mark_() {
  if (!found.value?.decodes || server.value.read_only) return;
  heat.value = true;
  marking.value = !marking.value;
}

async function tellMasks() {
  if (found.peek()?.decodes && found.peek().key === key.peek()) allMasks.value = (await told(get("/api/outliers/masks"))) ?? allMasks.peek();
}

// a stroke is over: the mask is kept, and what it was before can be had back
async function keepMask(row, bits, before) {
  history.value = [...history.value, { place: at.value, mask: before }];
  await sendMask(row, bits);
}

async function sendMask(row, bits) {
  if (!(await told(write(`/api/outliers/masks/${row}`, { bits: bits && bitsOf(bits) })))) return void drawn.value++;
  const answer = await told(getColumns(`/api/outliers/seen/${row}`));
  if (answer && found.peek()?.rows[at.peek()] === row) seen.value = { ...answer, row };
  void tellMasks();
}

async function undo() {
  const last = history.value.at(-1);
  if (!last) return;
  history.value = history.value.slice(0, -1);
  if (last.mask !== undefined) {
    at.value = last.place;
    await sendMask(found.value.rows[last.place], last.mask);
    drawn.value++;
    return;
  }
  const now = verdicts.value[last.place];
  mark([last.place], [last.before]);
  at.value = last.place;
  const body = { rows: [found.value.rows[last.place]], verdict: WORDS[last.before] };
  if (!(await told(write("/api/outliers/verdicts", body)))) mark([last.place], [now]);
  chooseSoon();
}

function Case({ queue }) {
  const place = at.value, row = queue.rows[place];
  if (row === undefined) return html`<p class="quiet">No picture was in question.</p>`;
  const verdict = verdicts.value[place], locked = server.value.read_only;
  const known = about.value?.row === row ? about.value : null, made = seen.value?.row === row ? seen.value : null;
  const facts = Object.entries(known?.columns ?? {}).filter(([name, value]) => value !== null && name !== "verdict" && !name.startsWith("score_"));
  return html`<section class="case" aria-label="The picture at hand">
    <div class="large ${verdict === ANOMALY ? "confirmed" : verdict === NORMAL ? "dismissed" : ""}">
      ${heat.value && made
        ? html`<${Marked} key=${row} made=${made} drawn=${drawn.value} marking=${marking.value && !locked} keep=${(bits, before) => keepMask(row, bits, before)}>
            <${Frame} pixels=${made.frames} shape=${made.shapes.frames} which=${2} label="Where it differs from its reconstruction more than normal pictures do" /></${Marked}>`
        : html`<img src=${pictureOf(row)} alt=${known?.id ?? `picture ${row}`} />`}
      ${verdict ? html`<span class="stamp">${verdict === ANOMALY ? "anomaly" : "normal"}</span>` : null}
    </div>
    <div class="facts-of">
      <h2>${known?.id ?? "…"}</h2>
      <p><b>${place + 1}</b> of ${queue.rows.length.toLocaleString("en")} · ${queue.by} <b>${short(queue.scores[place])}</b> · p <b>${short(queue.p[place], 2)}</b>${queue.scores[place] > threshold.value ? "" : html` <span class="quiet">(below the threshold)</span>`}</p>
      <p class="row">
        <button aria-pressed=${verdict === ANOMALY} disabled=${locked} onClick=${() => decide(ANOMALY)}>Confirm <kbd>c</kbd></button>
        <button aria-pressed=${verdict === NORMAL} disabled=${locked} onClick=${() => decide(NORMAL)}>Dismiss <kbd>d</kbd></button>
        <button disabled=${!history.value.length} onClick=${undo}>Undo <kbd>u</kbd></button>
      </p>
      <p class="row">
        <button aria-label="Before" onClick=${() => step(-1)}>← <kbd>k</kbd></button><button aria-label="Next" onClick=${() => step(1)}>→ <kbd>j</kbd></button>
        ${queue.decodes && html`<button aria-pressed=${heat.value} onClick=${() => (heat.value = !heat.value)}>Heat <kbd>h</kbd></button>
          <button aria-pressed=${marking.value} disabled=${locked} title="Paint over the true flaw; what is marked is kept, and the heat is measured by it" onClick=${mark_}>Mark the flaw <kbd>m</kbd></button>`}
        <button onClick=${() => { put({ row }, 1); go("search"); }}>Search like this</button>
      </p>
      ${(marking.value || made?.pixels) && html`<${PixelScore} of=${made?.pixels} />`}
      ${made && html`<${Strip} label="as the model takes it, its reconstruction, where they differ" pixels=${made.frames} shape=${made.shapes.frames} />`}
      ${facts.length > 0 && html`<dl class="facts">${facts.slice(0, 8).map(([name, value]) => html`<dt>${name}</dt><dd>${String(value)}</dd>`)}</dl>`}
    </div>
  </section>`;
}

// how well the heat says where the flaw is, of this picture and of all that are marked
function PixelScore({ of }) {
  const all = allMasks.value, said = one => html`AUROC of pixels <b>${one.auroc.toFixed(3)}</b>, IoU <b>${one.iou.toFixed(2)}</b>`;
  if (!of) return html`<p class="small quiet">Paint over the true flaw: drag, or arrows and Space. <kbd>u</kbd> takes a stroke back.</p>`;
  return html`<p class="small pixels" role="status">${said(of)} <span class="quiet">where heat is coloured; the flaw covers ${share(of.flaw, 1)}</span>
    ${all?.pixels && all.rows.length > 1 ? html`<br /><span class="quiet">all ${all.rows.length} masks: </span>${said(all.pixels)}` : null}</p>`;
}

// one frame of several, as large as its place
function Frame({ pixels, shape, which, label }) {
  const [, h, w] = shape;
  return html`<${Strip} key=${which} label=${label} pixels=${pixels.subarray(4 * which * h * w, 4 * (which + 1) * h * w)} shape=${[1, h, w]} bare=${true} />`;
}

function Queue({ queue }) {
  const shown = Math.min(tiles.value, queue.rows.length), marks = verdicts.value;
  const names = ["", "anomaly", "normal"];
  return html`<section class="queue" aria-label="Queue"><div class="tiles">
    ${Array.from({ length: shown }, (_, place) => html`<button key=${queue.rows[place]} data-place=${place}
      class=${`tile ${queue.came[place] ? "came" : ""} ${place === at.value ? "chosen" : ""} ${place >= above.value ? "below" : ""} ${names[marks[place]]}`}
      aria-current=${place === at.value ? "true" : undefined}
      title=${`p ${short(queue.p[place], 2)}${marks[place] ? `, ${names[marks[place]]}` : ""}`} onClick=${() => (at.value = place)}>
      <img src=${thumbnailOf(queue.rows[place])} alt=${`number ${place + 1} of the queue`} loading="lazy" />
      <span>${short(queue.p[place], 2)}${marks[place] === ANOMALY ? " ✓" : marks[place] === NORMAL ? " ✕" : ""}${queue.came[place] ? " new" : ""}</span></button>`)}
  </div>
  ${shown < queue.rows.length && html`<p class="row"><button onClick=${() => (tiles.value += PART)}>More</button><span class="quiet">${shown} of ${queue.rows.length.toLocaleString("en")}; ${count.value.toLocaleString("en")} pictures in all</span></p>`}
  </section>`;
}
