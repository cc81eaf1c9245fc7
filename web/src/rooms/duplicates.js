// Duplicates: groups of pictures that show the same. A person compares, says which one stays, and moves the others
// into a folder beside the pictures, from where they can be brought back. Nothing is deleted.
import { computed, signal } from "@preact/signals";
import { html } from "htm/preact";
import { useEffect } from "preact/hooks";
import { get, pictureOf, post, put as write, remove, thumbnailOf, told } from "../api.js";
import { Filter, whole } from "../filter.js";
import { useKeys } from "../keys.js";
import { conditions, key, say, server, whenever } from "../state.js";
import { Typed } from "../typed.js";

export const name = "duplicates";
export const title = "Duplicates";
export const line = "Pictures that are there twice: look at them side by side, keep one, move the others away. Nothing is deleted.";

const RULES = [["largest", "the largest"], ["oldest", "the oldest"], ["newest", "the newest"]];
const WAYS = [["side", "Side by side"], ["slider", "Slider"], ["difference", "Difference"]];
const PART = 40; // groups of the list at a time

const by = signal("pixels");
const rule = signal("largest");
const turns = signal(true);
const limit = signal("");
const filtered = signal(false);
const waiting = signal(false);
const failed = signal("");
const again = signal(true);
const found = signal(null);
const at = signal(0); // the group at hand
const other = signal(1); // whom its keeper is compared with, a place in its pictures
const way = signal("side");
const part = signal(50); // per cent of the slider
const decided = signal(new Map()); // group → {keep: members, the keeper first, move: boolean}; those that were looked at
const history = signal([]); // [{group, before}], the newest last
const listed = signal(PART);
const moves = signal({ folder: "", moves: [] });
let moving = null; // {after: the run of the job before, done: what is said when a move is done}

const job = name => server.value?.jobs.find(one => one.name === name);
const groups = computed(() => found.value?.groups ?? []);
const redundant = computed(() => {
  let n = 0, bytes = 0;
  for (const one of groups.value) {
    const choice = decided.value.get(one.group);
    if (!choice?.move) continue;
    for (const each of one.members) if (!choice.keep.includes(each.member)) (n++, (bytes += each.size ?? 0));
  }
  return { n, bytes };
});

export function view() {
  useEffect(() => {
    const stops = [whenever(() => [key.value, server.value], arrived), whenever(() => [at.value, found.value], () => (other.value = 1))];
    return () => stops.forEach(stop => stop());
  }, []);
  useKeys({
    j: () => step(1), ArrowDown: () => step(1), k: () => step(-1), ArrowUp: () => step(-1),
    ArrowRight: () => turn(1), ArrowLeft: () => turn(-1), " ": () => decide(true), x: () => decide(false), u: undo,
    Enter: () => keepThis(), b: () => both(), m: () => (way.value = WAYS[(WAYS.findIndex(one => one[0] === way.value) + 1) % WAYS.length][0]),
  });
  return html`<div class="review duplicates">
    ${again.value || !found.value ? html`<${Question} />` : html`<${Summary} />`}
    ${found.value?.key === key.value && (groups.value.length ? html`<${Groups} /><${Compare} />` : html`<p class="lead">There are no duplicates${moves.value.moves.some(one => one.files) ? " any more" : " among these pictures"}.</p>`)}
    <${Moves} />
  </div>`;
}

// ---- asking ------------------------------------------------------------------------------------

async function begin() {
  failed.value = "";
  const number = Number.parseFloat(limit.value);
  const body = { by: by.value, keep: rule.value, turns: turns.value, threshold: Number.isFinite(number) ? number : null };
  if (filtered.value) body.conditions = whole(conditions.value);
  waiting.value = true;
  if (!(await told(post("/api/duplicates", body)))) waiting.value = false;
}

let loading = null;
async function arrived(rows) {
  if (!rows) return;
  const looked = job("duplicates"), moved = job("moving");
  if (moving && moved && moved.run > moving.after && moved.state !== "running") {
    const { done } = moving;
    moving = null;
    if (moved.state === "failed") say(moved.message, "error");
    else await done();
    return load(rows);
  }
  if (loading === null) void list((loading = rows));
  if (!looked) return;
  if (looked.state === "running") return void (waiting.value = true);
  if (looked.state === "failed" && waiting.peek()) failed.value = looked.message;
  const news = waiting.peek() || (found.peek()?.key !== rows && loading !== `${rows} groups`);
  waiting.value = false;
  if (news) await load(rows);
}

async function load(rows) {
  loading = `${rows} groups`;
  const answer = await told(get("/api/duplicates"));
  void list();
  if (!answer?.number || rows !== key.peek()) return;
  if (answer.number !== found.peek()?.number) {
    decided.value = new Map();
    history.value = [];
    at.value = 0;
    again.value = false;
  }
  at.value = Math.max(0, Math.min(at.value, answer.groups.length - 1));
  found.value = { ...answer, key: rows };
}
async function list() {
  const answer = await told(get("/api/duplicates/moves"));
  if (answer) moves.value = answer;
}

function Question() {
  const columns = server.value.rows.columns.length > 0;
  return html`<section class="question" aria-label="What is looked for">
    <p class="quiet lead">${line}</p>
    <div class="row"><span>Keep</span><div class="choice" role="group" aria-label="Which one is kept">
      ${RULES.map(([value, text]) => html`<button aria-pressed=${rule.value === value} onClick=${() => (rule.value = value)}>${text}</button>`)}</div></div>
    <details><summary>What counts as the same</summary><div class="row inner">
      <label>compare <select value=${by.value} onChange=${event => (by.value = event.target.value)}>
        <option value="pixels">pixels, laid onto each other</option><option value="codes">codes alone</option></select></label>
      <label><input type="checkbox" checked=${turns.value} onChange=${event => (turns.value = event.target.checked)} /> mirrored and turned ones too</label>
      <label>largest difference <${Typed} class="number" type="number" min="0" step="any" placeholder="found by itself" value=${limit.value} take=${text => (limit.value = text)} /></label>
      ${columns && html`<label><input type="checkbox" checked=${filtered.value} onChange=${event => (filtered.value = event.target.checked)} /> only what passes a filter</label>`}
      ${filtered.value && html`<${Filter} />`}
    </div></details>
    <div class="row"><button class="main" disabled=${waiting.value} onClick=${begin}>Find duplicates</button>
      ${waiting.value && html`<span class="quiet" role="status">Looking: every picture is compared with those that are near to it.</span>`}
      ${found.value && html`<button onClick=${() => (again.value = false)}>Back to what was found</button>`}</div>
    ${failed.value && html`<p class="refused" role="alert">${failed.value}</p>`}
  </section>`;
}

// ---- deciding ----------------------------------------------------------------------------------

const usual = group => ({ keep: [group.members[0].member], move: null });
const choiceOf = group => decided.value.get(group.group) ?? usual(group);

function note(group, choice) {
  history.value = [...history.value, { group: group.group, before: decided.value.get(group.group) }];
  decided.value = new Map(decided.value).set(group.group, choice);
}
function step(by) {
  const n = groups.value.length;
  at.value = Math.max(0, Math.min(n - 1, at.value + by));
  if (at.value >= listed.value) listed.value += PART;
  document.querySelector(`.groups [data-place="${at.value}"]`)?.scrollIntoView({ block: "nearest" });
}
function turn(by) {
  const n = groups.value[at.value]?.members.length ?? 0;
  if (n > 1) other.value = ((other.value - 1 + by + (n - 1)) % (n - 1)) + 1;
}
function decide(move) {
  const group = groups.value[at.value];
  if (!group || server.value.read_only) return;
  note(group, { ...choiceOf(group), move });
  step(1);
}
function undo() {
  const last = history.value.at(-1);
  if (!last) return;
  history.value = history.value.slice(0, -1);
  const next = new Map(decided.value);
  if (last.before) next.set(last.group, last.before);
  else next.delete(last.group);
  decided.value = next;
  const place = groups.value.findIndex(one => one.group === last.group);
  if (place >= 0) at.value = place;
}
// the picture beside the keeper becomes the keeper, and the only one that stays
function keepThis(member = pair()?.[1].member) {
  const group = groups.value[at.value];
  if (group && member !== undefined) note(group, { keep: [member], move: choiceOf(group).move });
}
// it stays too, or goes after all
function both(member = pair()?.[1].member) {
  const group = groups.value[at.value];
  if (!group || member === undefined) return;
  const { keep, move } = choiceOf(group);
  if (keep[0] === member) return;
  note(group, { keep: keep.includes(member) ? keep.filter(one => one !== member) : [...keep, member], move });
}
// the keeper and the one that it is compared with
function pair() {
  const group = groups.value[at.value];
  if (!group) return null;
  const { keep } = choiceOf(group), first = group.members.find(one => one.member === keep[0]) ?? group.members[0];
  const rest = group.members.filter(one => one !== first);
  return [first, rest[Math.min(other.value, rest.length) - 1]];
}

// once a later job than the one that is known by now is done
function whenMoved(done) {
  moving = { after: job("moving")?.run ?? 0, done };
}

async function move() {
  const body = { number: found.value.number, groups: [] };
  for (const group of groups.value) {
    const choice = decided.value.get(group.group);
    if (choice?.move && choice.keep.length < group.members.length) body.groups.push({ group: group.group, keep: choice.keep });
  }
  if (!body.groups.length) return;
  const known = new Set(moves.value.moves.map(one => one.number));
  whenMoved(async () => {
    await list();
    const mine = moves.value.moves.find(one => !known.has(one.number));
    const about = mine && (await told(get(`/api/duplicates/moves/${mine.number}`)));
    if (!about) return;
    say(`${about.moved.length.toLocaleString("en")} moved to ${moves.value.folder}, beside the pictures.`);
    for (const [id, why] of about.not_moved.slice(0, 3)) say(`${id} stays: ${why}.`, "error");
    history.value = [];
  });
  if (!(await told(write("/api/duplicates/moves", body)))) moving = null;
}

async function back(number) {
  whenMoved(() => {
    history.value = [];
    if (!known) say("The files are where they were; index the folder again to see them here (narrows index).");
  });
  let known = true;
  const answer = await told(remove(`/api/duplicates/moves/${number}`));
  if (answer) known = answer.indexed;
  else moving = null;
}

// ---- what is shown -----------------------------------------------------------------------------

const bytes = n => (n >= 1e6 ? `${(n / 1e6).toFixed(1)} MB` : `${Math.max(1, Math.round(n / 1e3))} kB`);
const date = nanoseconds => (nanoseconds ? new Date(nanoseconds / 1e6).toISOString().slice(0, 10) : "");
const facts = one => [one.width && `${one.width} × ${one.height}`, one.size && bytes(one.size), date(one.mtime)].filter(Boolean).join(" · ");

function Summary() {
  const { n, bytes: size } = redundant.value, open = groups.value.filter(one => (decided.value.get(one.group)?.move ?? null) === null).length;
  const locked = server.value.read_only, busy = job("moving")?.state === "running";
  const all = () => {
    for (const group of groups.value) if (choiceOf(group).move === null) note(group, { ...choiceOf(group), move: true });
  };
  return html`<section class="summary row" aria-label="What was found">
    <b>${groups.value.length.toLocaleString("en")} ${groups.value.length === 1 ? "group" : "groups"}</b>
    <span class="quiet">kept: ${RULES.find(one => one[0] === found.value.keep)[1]} · differences of ${found.value.by} up to ${Number(found.value.threshold.toPrecision(3))} · ${open ? `${open.toLocaleString("en")} to look at` : "all looked at"}${found.value.more ? ` · ${found.value.more.toLocaleString("en")} more after these` : ""}</span>
    <button disabled=${!open || locked} onClick=${all} title="As if you had pressed space at each">Agree with the rest</button>
    <button class="main" disabled=${!n || locked || busy} onClick=${move}>${n ? `Move ${n.toLocaleString("en")} (${bytes(size)}) to ${moves.value.folder}` : "Nothing to move yet"}</button>
    <button class="end" onClick=${() => (again.value = true)}>Look again …</button>
    ${found.value.notes.map(text => html`<p class="quiet small whole">${text}</p>`)}
    ${locked && html`<p class="quiet small whole">This studio is read-only: nothing can be moved.</p>`}
  </section>`;
}

function Groups() {
  return html`<section class="groups" aria-label="Groups">
    ${groups.value.slice(0, listed.value).map((group, place) => {
      const choice = choiceOf(group), mark = choice.move === null ? "" : choice.move ? "move" : "leave";
      return html`<button key=${group.group} data-place=${place} class=${`group ${mark} ${place === at.value ? "chosen" : ""}`} aria-current=${place === at.value ? "true" : undefined} onClick=${() => (at.value = place)}>
        <span class="small-tiles">${group.members.slice(0, 5).map(one => html`<img key=${one.row} class=${choice.keep.includes(one.member) ? "kept" : ""} src=${thumbnailOf(one.row)} alt=${one.id} loading="lazy" />`)}${group.members.length > 5 ? html`<i>+${group.members.length - 5}</i>` : null}</span>
        <span class="state">${choice.move === null ? `${group.members.length} pictures` : choice.move ? `✓ ${group.members.length - choice.keep.length} to be moved` : "all stay"}</span>
      </button>`;
    })}
    ${listed.value < groups.value.length && html`<button onClick=${() => (listed.value += PART)}>More groups</button>`}
  </section>`;
}

function Compare() {
  const group = groups.value[at.value], both_ = pair();
  if (!both_) return null;
  const [first, second] = both_, choice = choiceOf(group), locked = server.value.read_only;
  const stays = choice.keep.includes(second.member);
  return html`<section class="compare" aria-label=${`Group ${at.value + 1}`}>
    <div class="row">
      <div class="choice" role="group" aria-label="How to compare">${WAYS.map(([value, text]) => html`<button aria-pressed=${way.value === value} onClick=${() => (way.value = value)}>${text}</button>`)}</div>
      <span class="quiet small">${second.same_file ? "the very same file" : `difference ${Number((second.distance || first.distance).toPrecision(3))}`}${second.turned || first.turned ? `, ${second.turned || first.turned}` : ""}</span>
      <button class="end" onClick=${() => step(-1)}>← <kbd>k</kbd></button><button onClick=${() => step(1)}>→ <kbd>j</kbd></button>
    </div>
    <${Pictures} first=${first} second=${second} />
    <div class="pair">
      <div class="kept"><b>stays</b><span class="id">${first.id}</span><span class="quiet">${facts(first)}</span></div>
      <div><b>${stays ? "stays too" : "is moved"}</b><span class="id">${second.id}</span><span class="quiet">${facts(second)}</span>
        <span class="row"><button onClick=${() => keepThis(second.member)}>Keep this one <kbd>Enter</kbd></button>
        <button aria-pressed=${stays} onClick=${() => both(second.member)}>Keep both <kbd>b</kbd></button></span></div>
    </div>
    ${group.members.length > 2 && html`<div class="members tiles">${group.members.filter(one => one !== first).map((one, i) => html`<button key=${one.row} class=${`tile ${one === second ? "chosen" : ""}`} title=${one.id} onClick=${() => (other.value = i + 1)}>
      <img src=${thumbnailOf(one.row)} alt=${one.id} /><span>${choice.keep.includes(one.member) ? "stays" : Number(one.distance.toPrecision(2))}</span></button>`)}</div>`}
    <div class="row">
      <button class="main" disabled=${locked} onClick=${() => decide(true)}>Agree, next <kbd>space</kbd></button>
      <button disabled=${locked} onClick=${() => decide(false)}>All stay <kbd>x</kbd></button>
      <button disabled=${!history.value.length} onClick=${undo}>Undo <kbd>u</kbd></button>
      ${group.members.length > 2 && html`<span class="quiet small"><kbd>←</kbd> <kbd>→</kbd> the others of this group</span>`}
    </div>
  </section>`;
}

// how a copy has to be turned to lie on its original, where that leaves its sides as they are
const BACK = { mirrored: "flip-x", "mirrored upside down": "flip-y", "turned by 180°": "flip-both" };

function Pictures({ first, second }) {
  const back = BACK[second.turned] ?? BACK[first.turned] ?? "";
  const shape = { aspectRatio: `${first.width || 1} / ${first.height || 1}` };
  if (way.value === "side")
    return html`<div class="side-by-side">
      <figure class="stays"><img src=${pictureOf(first.row)} alt=${first.id} /></figure><figure><img src=${pictureOf(second.row)} alt=${second.id} /></figure></div>`;
  if (way.value === "difference")
    return html`<div><div class="over difference" style=${shape} role="img" aria-label=${`Difference of ${first.id} and ${second.id}, four times as strong`}>
      <img src=${pictureOf(first.row)} alt="" /><img class=${back} src=${pictureOf(second.row)} alt="" /></div></div>`;
  const right = { clipPath: `inset(0 0 0 ${part.value}%)` };
  return html`<div><div class="over" style=${shape}>
      <img src=${pictureOf(first.row)} alt=${first.id} /><div class="cut" style=${right}><img class=${back} src=${pictureOf(second.row)} alt=${second.id} /></div>
      <i class="seam" style=${{ left: `${part.value}%` }}></i></div>
    <input class="whole" type="range" aria-label="Where one picture ends and the other begins" min="0" max="100" value=${part.value} onInput=${event => (part.value = Number(event.target.value))} /></div>`;
}

function Moves() {
  const there = moves.value.moves.filter(one => one.files);
  if (!there.length) return null;
  const busy = job("moving")?.state === "running";
  return html`<section class="moves" aria-label="What was moved"><h3>Moved to ${moves.value.folder}, beside the pictures</h3>
    ${there.map(one => html`<p class="row" key=${one.number}><span>${one.files.toLocaleString("en")} ${one.files === 1 ? "file" : "files"} in ${String(one.number).padStart(4, "0")}</span>
      <button disabled=${busy || server.value.read_only} onClick=${() => back(one.number)}>Bring back</button></p>`)}</section>`;
}
