// Train: runs are watched while they go on, whoever runs them; begun, stopped, resumed; compared.
import { signal } from "@preact/signals";
import { html } from "htm/preact";
import { useEffect } from "preact/hooks";
import { ask as question, get, getColumns, post, postColumns, refresh, told } from "../api.js";
import { Chart, short } from "../chart.js";
import { hand } from "../pixels.js";
import { finished, say, server } from "../state.js";
import { Strip } from "../strip.js";

export const name = "train";
export const title = "Train";
export const line = "Watch a model learn, whoever trains it; begin, stop and resume; compare runs on the same pictures.";
export const needs = "nothing";

const MOST = 4;
const about = signal(null);
const watched = signal(""); // the id of a run
const records = signal(new Map()); // by the number of their lines
const state = signal(null);
const look = signal(null);
const chosen = signal([]); // ids that are compared
const compared = signal(null);
const comparing = signal(false);
const measured = signal({}); // name of a run → its samples, bits and time beside PCA
const measuring = signal(false);
const packing = signal(false);
const wanted = signal({ recipe: "", for: "", minutes: 5, size: 64, gray: false });
const cost = signal(null);
const trying = signal(false);

export function view() {
  useEffect(() => {
    void list();
    const timer = setInterval(list, 5000);
    return () => clearInterval(timer);
  }, []);
  useEffect(() => (watched.value ? follow(watched.value) : undefined), [watched.value]);
  const all = about.value;
  if (!all) return html`<p class="quiet lead pad">The runs are being listed.</p>`;
  return html`<div class="train">
    <aside aria-label="Runs">
      <h2>Runs</h2>
      ${!all.runs.length && html`<p class="quiet small">None here yet. ${all.pictures ? "Begin one below, or" : "Open the studio with a folder of pictures to begin one, or"} start <code>narrows train</code> in a terminal: it appears here.</p>`}
      <ul class="runs">${all.runs.map(one => html`<${Line} key=${one.id} run=${one} />`)}</ul>
      ${chosen.value.length > 1 && html`<button class="main" disabled=${comparing.value} onClick=${() => compare(chosen.value)}>${comparing.value ? "Comparing …" : `Compare ${chosen.value.length} runs`}</button>`}
      <${Begin} all=${all} />
    </aside>
    <section class="watch" aria-label="Run">
      ${compared.value ? html`<${Compared} />` : watched.value ? html`<${Watch} />` : html`<div class="empty"><h2>No run is watched</h2><p class="quiet">${line}</p></div>`}
    </section>
  </div>`;
}

// ---- asking ------------------------------------------------------------------------------------

async function list() {
  const found = await told(get("/api/train"));
  if (!found) return;
  about.value = found;
  if (!wanted.value.recipe) wanted.value = { ...wanted.value, recipe: found.default, size: server.value?.shape?.[1] ?? 64, gray: server.value?.shape?.[0] === 1 };
  if (!watched.value && found.runs.length) watched.value = (found.runs.find(one => one.going) ?? found.runs[0]).id;
}

// the browser asks again by itself where the connection is lost, and says which line it has seen last
function follow(id) {
  records.value = new Map();
  state.value = look.value = null;
  const events = new EventSource(`/api/train/runs/${id}/events`);
  let batch = [];
  const flush = () => {
    const next = new Map(records.value);
    for (const [number, one] of batch.splice(0)) next.set(number, one);
    records.value = next;
  };
  events.addEventListener("record", event => {
    if (!batch.length) setTimeout(flush, 50);
    batch.push([Number(event.lastEventId), JSON.parse(event.data)]);
  });
  events.addEventListener("again", () => {
    batch = [];
    records.value = new Map();
  });
  events.addEventListener("state", event => {
    const now = JSON.parse(event.data), before = state.value;
    state.value = now;
    if (now.weights && now.weights !== before?.weights) void see(id);
    if (before && before.going !== now.going) void list();
  });
  return () => events.close();
}

let seeing = false, again = false;
async function see(id) {
  if (seeing) return void (again = true);
  seeing = true;
  try {
    const found = await getColumns(`/api/train/runs/${id}/look`);
    if (id === watched.value) look.value = found;
  } catch (error) {
    if (id === watched.value) look.value = { notes: [error.message], shapes: {} };
  }
  seeing = false;
  if (again) {
    again = false;
    void see(watched.value);
  }
}

async function compare(ids) {
  comparing.value = true;
  try {
    let found = await postColumns("/api/train/compare", { runs: ids });
    while (found.waiting) {
      await refresh();
      await finished(found.waiting);
      found = await postColumns("/api/train/compare", { runs: ids });
    }
    const histories = await Promise.all(ids.map(id => get(`/api/train/runs/${id}`)));
    measured.value = {};
    compared.value = { ...found, histories, ids };
  } catch (error) {
    say(error.message, "error");
  }
  comparing.value = false;
}

// samples, bits and time beside PCA: seconds to minutes a run
async function measureRuns() {
  measuring.value = true;
  const { ids } = compared.value;
  try {
    let found = await post("/api/train/measured", { runs: ids });
    while (found.job) {
      await refresh();
      await finished(found.job);
      found = await post("/api/train/measured", { runs: ids });
    }
    if (found.rows) measured.value = Object.fromEntries(found.rows.map(one => [one.name, one]));
  } catch (error) {
    say(error.message, error.stopped ? "note" : "error");
  }
  measuring.value = false;
}

// figure, table, BibTeX and recipes in one ZIP; where a run has changed meanwhile it is compared again first
async function packRuns() {
  packing.value = true;
  const ask = () => question("/api/train/figure", { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify({ runs: compared.value.ids }) });
  try {
    let answer = await ask();
    while (answer.status === 202) {
      await refresh();
      await finished((await answer.json()).job);
      answer = await ask();
    }
    hand(await answer.blob(), "runs.zip");
  } catch (error) {
    say(error.message, "error");
  }
  packing.value = false;
}

const fitting = signal(false);
async function fitPrior(id) {
  fitting.value = true;
  try {
    await question(`/api/train/runs/${id}`, { method: "PATCH", headers: { "content-type": "application/json" }, body: JSON.stringify({ do: "prior" }) });
    await refresh();
    await finished("prior");
    say("It draws from its codes now.");
    if (compared.value) await compare(compared.value.ids);
    else await see(id);
  } catch (error) {
    say(error.message, "error");
  }
  fitting.value = false;
}

function Prior({ id, of, name }) {
  if (!of?.undrawn) return null;
  return html`<p class="row small"><span class="quiet">${name ? html`<b>${name}</b>: ` : ""}${of.undrawn}</span>
    ${of.fits && !server.value?.read_only && html`<button disabled=${fitting.value} onClick=${() => fitPrior(id)}>${fitting.value ? "Being fitted …" : "Fit one"}</button>`}</p>`;
}

async function change(id, what) {
  const found = await told(question(`/api/train/runs/${id}`, { method: "PATCH", headers: { "content-type": "application/json" }, body: JSON.stringify({ do: what }) }));
  if (found) say({ stop: "It stops at the end of its step, and keeps a checkpoint.", resume: "It goes on.", use: "The pictures are encoded by it; the rooms show them as soon as that is done." }[what]);
  void list();
}

const body = () => {
  const { recipe, for: verb, minutes, size, gray } = wanted.value;
  return { recipe, for: verb, minutes: Number(minutes), size: Number(size), gray };
};

async function measure() {
  trying.value = true;
  try {
    let found = await post("/api/train/cost", body());
    if (found.job) {
      await refresh();
      await finished(found.job);
      found = await post("/api/train/cost", body());
    }
    cost.value = found;
  } catch (error) {
    say(error.message, "error");
  }
  trying.value = false;
}

async function begin() {
  const answer = await told(question("/api/train/runs", { method: "PUT", headers: { "content-type": "application/json" }, body: JSON.stringify({ ...body(), after: true }) }));
  if (!answer) return;
  const { id } = await answer.json();
  await list();
  compared.value = null;
  if (id) watched.value = id;
  else say("It waits for its turn.");
}

// ---- runs --------------------------------------------------------------------------------------

function Line({ run }) {
  const marked = chosen.value.includes(run.id);
  const toggle = () => {
    if (!marked && chosen.value.length >= MOST) return say(`At most ${MOST} runs are compared.`);
    chosen.value = marked ? chosen.value.filter(id => id !== run.id) : [...chosen.value, run.id];
  };
  return html`<li class=${run.id === watched.value && !compared.value ? "run now" : "run"}>
    <input type="checkbox" checked=${marked} disabled=${!run.weights} aria-label=${`Compare ${run.name}`} title="Compare" onChange=${toggle} />
    <button onClick=${() => { compared.value = null; watched.value = run.id; }}>
      <b>${run.name}</b>
      <small>${run.going ? html`<span class="live">goes on</span> · ` : ""}${run.recipe}${run.epoch === null ? "" : ` · ${short(run.epoch)} ${run.epoch === 1 ? "epoch" : "epochs"}`}</small>
    </button>
  </li>`;
}

function Begin({ all }) {
  const now = wanted.value;
  const set = part => { wanted.value = { ...now, ...part }; if (!("minutes" in part)) cost.value = null; };
  if (server.value?.read_only) return html`<p class="quiet small">This studio is read-only: runs are watched, not begun.</p>`;
  if (!all.pictures) return html`<p class="quiet small">To begin a run, open the studio with a folder of pictures.</p>`;
  const found = cost.value, passes = found && (now.minutes * 60 * found.rate) / found.pictures;
  return html`<form class="begin" onSubmit=${event => { event.preventDefault(); void begin(); }}>
    <h2>Train on ${all.pictures}</h2>
    <label>For <select value=${now.for} onChange=${event => set({ for: event.target.value })}>
      <option value="">everything</option><option value="denoise">denoising</option><option value="inpaint">filling holes</option><option value="upscale">enlarging</option>
    </select></label>
    ${!now.for && html`<label>Recipe <select value=${now.recipe} onChange=${event => set({ recipe: event.target.value })}>
      ${Object.entries(all.recipes).map(([group, names]) => html`<optgroup label=${group}>${names.map(one => html`<option value=${one}>${one}</option>`)}</optgroup>`)}
    </select></label>`}
    <div class="pair">
      <label>Minutes <input type="number" min="0.1" step="any" required value=${now.minutes} onInput=${event => set({ minutes: event.target.value })} /></label>
      <label>Pixels <input type="number" min="8" max="512" required value=${now.size} onInput=${event => set({ size: event.target.value })} /></label>
    </div>
    <label class="check"><input type="checkbox" checked=${now.gray} onChange=${event => set({ gray: event.target.checked })} /> gray</label>
    ${found && html`<p class="small">${found.weights.toLocaleString("en")} weights, a code of ${found.code.toLocaleString("en")}. Tried here: ${short(found.rate)} pictures a second, so ${now.minutes} minutes are about ${short(Number(passes.toPrecision(2)))} passes over ${found.pictures.toLocaleString("en")} pictures.</p>`}
    <p class="row">
      <button class="main" type="submit">${all.runs.some(one => one.ours) ? "Begin after the others" : "Begin"}</button>
      ${!now.for && html`<button type="button" disabled=${trying.value} onClick=${measure}>${trying.value ? "Trying …" : "What does it cost?"}</button>`}
    </p>
  </form>`;
}

// ---- one run -----------------------------------------------------------------------------------

// phases follow one another on the axis
function curve(all, key) {
  let before = 0, reached = 0, phase = null;
  const points = [];
  for (const one of all) {
    if (phase !== null && one.phase !== phase) before = reached;
    phase = one.phase;
    reached = before + one.epoch;
    if (Number.isFinite(one[key])) points.push([reached, one[key]]);
  }
  return points;
}
const inOrder = map => [...map].sort(([a], [b]) => a - b).map(([, one]) => one);
const time = seconds => (seconds < 100 ? `${Math.round(seconds)} s` : seconds < 5400 ? `${Math.round(seconds / 60)} min` : `${(seconds / 3600).toFixed(1)} h`);

function Watch() {
  const run = about.value.runs.find(one => one.id === watched.value);
  const all = inOrder(records.value), last = all.at(-1), now = state.value, seen = look.value;
  if (!run) return html`<p class="quiet">That run is not here any more.</p>`;
  const going = now?.going ?? run.going, ours = now?.ours ?? run.ours;
  const share = last && shareOf(run, all), spent = all.reduce((sum, one) => sum + one.seconds, 0);
  const readOnly = server.value?.read_only;
  return html`
    <div class="row head">
      <h2>${run.name}</h2><span class="quiet">${run.recipe}</span>
      ${going ? html`<span class="live">goes on${ours ? "" : ", in another process"}</span>` : html`<span class="quiet">${ours ? "begins" : last ? "at rest" : "has not begun"}</span>`}
      ${ours && !readOnly && html`<button onClick=${() => change(run.id, "stop")}>Stop</button>`}
      ${!going && !ours && run.resumes && !readOnly && html`<button onClick=${() => change(run.id, "resume")}>Resume</button>`}
      ${!going && !ours && run.weights && about.value.adopts && !readOnly && html`<button title="Every room shows the pictures by the codes of this model" onClick=${() => change(run.id, "use")}>Use it in all rooms</button>`}
    </div>
    ${now?.failed && html`<p class="warn">${now.failed}</p>`}
    ${going && share !== null && share !== undefined && html`<div class="far"><progress max="1" value=${share} aria-label="How far the training is"></progress><span>${Math.floor(100 * share)} %${share > 0.02 ? `, about ${time((spent * (1 - share)) / share)} left` : ""}</span></div>`}
    ${last && html`<p class="numbers"><span><b>${short(last.epoch)}</b> epochs</span><span><b>${time(spent)}</b></span><span><b>${short(last.images_per_second ?? NaN)}</b> pictures a second</span>${seen?.psnr !== undefined && html`<span><b>${seen.psnr?.toFixed(2) ?? "–"} dB</b> PSNR, ${seen.judged}</span>`}</p>`}
    <${Chart} title="Loss, nats per picture" curves=${[{ label: "training", className: "c0", points: curve(all, "loss") }, { label: "validation", className: "c1", points: curve(all, "validation_loss") }]} />
    ${seen && html`<div class="strips">
      ${seen.given && html`<${Strip} label="pictures" pixels=${seen.given} shape=${seen.shapes.given} />`}
      ${seen.made && html`<${Strip} label="reconstructed" pixels=${seen.made} shape=${seen.shapes.made} />`}
      ${seen.drawn && html`<${Strip} label="drawn" pixels=${seen.drawn} shape=${seen.shapes.drawn} />`}
    </div>`}
    <${Prior} id=${run.id} of=${seen} />
    ${seen?.notes.map(note => html`<p class="quiet small">${note}</p>`)}
    ${all.some(one => Number.isFinite(one.kl)) && html`<${Chart} title="KL, nats per picture" curves=${[{ label: "training", className: "c0", points: curve(all, "kl") }, { label: "validation", className: "c1", points: curve(all, "validation_kl") }]} />`}`;
}

// of its last phase, by steps or by minutes
function shareOf(run, all) {
  const last = all.at(-1), length = run.phases[last.phase];
  if (!length) return null;
  const own = all.filter(one => one.phase === last.phase);
  const part = length.minutes ? own.reduce((sum, one) => sum + one.seconds, 0) / (60 * length.minutes) : length.steps ? last.step / length.steps : null;
  return part === null ? null : Math.min(1, (last.phase + part) / run.phases.length);
}

// ---- side by side ------------------------------------------------------------------------------

const ROWS = [
  ["recipe", "recipe", one => one.recipe], ["undoes", "undoes", one => one.undoes ?? "–"], ["weights", "weights", one => one.weights?.toLocaleString("en")],
  ["numbers of a code", "code", one => one.code?.toLocaleString("en")], ["epochs", "epochs", one => short(one.epochs)],
  ["time", "seconds", one => time(one.seconds ?? 0)], ["best validation loss", "best_validation", one => short(one.best_validation ?? NaN)],
  ["PSNR of reconstructions", "psnr", one => `${one.psnr.toFixed(2)} dB`],
  ["PCA with as many", "pca_psnr", one => (one.pca_psnr === undefined ? "no fair rival" : `${one.pca_psnr.toFixed(2)} dB`)],
];

const number = (value, digits) => (value === null || value === undefined ? "–" : value.toFixed(digits));
const MEASURES = [
  ["Fréchet distance of samples", "frechet", one => number(one.frechet, 2)], ["PCA with as many", "pca_frechet", one => number(one.pca_frechet, 2)],
  ["other real pictures", "floor", one => number(one.floor, 2)], ["bits per dimension (ELBO)", "bits", one => number(one.bits, 3)],
  ["probabilistic PCA", "pca_bits", one => number(one.pca_bits, 3)], ["time of PCA", "pca_seconds", one => (one.pca_seconds === null ? "–" : `${one.pca_seconds.toFixed(2)} s`)],
];
const quoted = text => (/[",\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text);
const table = rows => [["", ...rows.map(one => one.name)], ...ROWS.map(([label, , text]) => [label, ...rows.map(text)]), ...(rows.some(one => measured.value[one.name]) ? MEASURES : []).map(([label, , text]) => [label, ...rows.map(one => text(measured.value[one.name] ?? {}))])].map(line => line.map(cell => quoted(String(cell ?? ""))).join(",")).join("\n") + "\n";

// what gives the same numbers without the page
const python = rows => `import narrows as nw

for run in ${JSON.stringify(rows.map(one => `runs/${one.name}`))}:
    model = nw.load(run)
    print(run, nw.evaluate(model, model.run.facts["pictures"]), sep="\\n")
`;
async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
    say("It is in the clipboard.");
  } catch {
    hand(new Blob([text], { type: "text/x-python" }), "runs.py"); // where a page may not write there
  }
}

function Compared() {
  const found = compared.value, { rows, histories } = found;
  const like = rows.every(one => one.undoes === rows[0].undoes);
  const more = rows.some(one => measured.value[one.name]), lowest = key => {
    const values = rows.map(one => measured.value[one.name]?.[key] ?? Infinity), best = Math.min(...values);
    return Number.isFinite(best) && values.filter(Number.isFinite).length > 1 ? values.indexOf(best) : -1;
  };
  const drawn = rows[0] && Object.values(measured.value)[0];
  const most = like ? rows.reduce((best, one, i) => (one.psnr > rows[best].psnr ? i : best), 0) : -1;
  return html`
    <div class="row head"><h2>Side by side</h2><button onClick=${() => (compared.value = null)}>Back to one run</button>
      <button class="end" onClick=${() => hand(new Blob([table(rows)], { type: "text/csv" }), "runs.csv")}>Save table as CSV</button>
      <button onClick=${() => copy(python(rows))}>Copy as Python</button>
      <button disabled=${packing.value} title="Curves and table as SVG and PDF, the table as CSV, the recipes, and their papers as BibTeX" onClick=${packRuns}>${packing.value ? "Being made …" : "Save for a paper"}</button></div>
    ${found.notes.map(note => html`<p class="warn small">${note}</p>`)}
    <div class="wide"><table class="effects">
      <thead><tr><th scope="col"></th>${rows.map((one, i) => html`<th scope="col" class=${`key c${i}`}><i></i>${one.name}</th>`)}</tr></thead>
      <tbody>${ROWS.map(([label, key, text]) => html`<tr class=${key === "psnr" ? "own" : ""}><th scope="row">${label}</th>${rows.map((one, i) => html`<td>${text(one)}${key === "psnr" && i === most ? " ★" : ""}</td>`)}</tr>`)}
        ${more && MEASURES.map(([label, key, text]) => html`<tr class=${key === "frechet" || key === "bits" ? "own" : ""}><th scope="row">${label}</th>${rows.map((one, i) => html`<td>${text(measured.value[one.name] ?? {})}${(key === "frechet" || key === "bits") && i === lowest(key) ? " ★" : ""}</td>`)}</tr>`)}</tbody>
    </table></div>
    <p class="quiet small">On the same ${rows[0].pictures.toLocaleString("en")} ${rows[0].judged} pictures.${rows.map(one => one.beside_pca && html` <b>${one.name}</b>: ${one.beside_pca}.`)}</p>
    ${more
      ? html`<p class="quiet small">Less is better. Fréchet distance of ${drawn.samples.toLocaleString("en")} samples to as many real pictures, in the first principal axes of k-means patches (Coates & Ng 2011) and small pixels: no FID, it compares on these pictures only. Bits: a bound of −log₂ p of 8-bit pixels, of ${drawn.judged[0].toLocaleString("en")} ${drawn.judged[1]} pictures.${rows.map(one => (measured.value[one.name]?.notes ?? []).map(note => html` <b>${one.name}</b>: ${note}.`))}</p>`
      : html`<p class="row"><button class="main" disabled=${measuring.value} onClick=${measureRuns}>${measuring.value ? "Measuring …" : "Measure samples and bits"}</button><span class="quiet small">Fréchet distance of samples and bits per dimension, beside PCA; up to a minute a run.</span></p>`}
    <${Chart} title="Validation loss, nats per picture" curves=${histories.map((one, i) => ({ label: one.name, className: `c${i}`, points: curve(one.records.map(([, each]) => each), "validation_loss") }))} />
    <h3>The same pictures, reconstructed</h3>
    <div class="strips">
      <${Strip} label="pictures" pixels=${found.given0} shape=${found.shapes.given0} />
      ${rows.map((one, i) => html`<${Strip} key=${i} label=${one.name} pixels=${found[`made${i}`]} shape=${found.shapes[`made${i}`]} />`)}
      ${rows.map((one, i) => found[`pca${i}`] && html`<${Strip} key=${`p${i}`} label=${one.pca} pixels=${found[`pca${i}`]} shape=${found.shapes[`pca${i}`]} quiet=${true} />`)}
    </div>
    <h3>The same draws</h3>
    ${rows.map((one, i) => html`<${Prior} key=${one.name} id=${found.ids[i]} of=${one} name=${one.name} />`)}
    <div class="strips">${rows.map((one, i) => found[`drawn${i}`] && html`<${Strip} key=${i} label=${one.name} pixels=${found[`drawn${i}`]} shape=${found.shapes[`drawn${i}`]} />`)}</div>`;
}
