// The frame around every room: navigation, what goes on, what went wrong, what is selected.
import { html } from "htm/preact";
import { useEffect, useErrorBoundary, useState } from "preact/hooks";
import { albumOf, post, told } from "./api.js";
import { hand } from "./pixels.js";
import { rooms } from "./rooms/index.js";
import { StepBar } from "./steps.js";
import { busy, connected, dismiss, go, put, returns, room, say, select, selection, server, toasts } from "./state.js";

export function Shell() {
  const state = server.value;
  const came = state?.came;
  useEffect(() => { if (came && Date.now() / 1000 - came.when < 60) say(`${came.said}.`); }, [came?.number]);
  useEffect(() => {
    document.title = state ? `${state.title} – Narrows studio` : "Narrows studio";
  }, [state?.title]);
  useEffect(() => {
    const pressed = event => {
      if (event.altKey || event.ctrlKey || event.metaKey || /input|select|textarea/i.test(event.target.tagName)) return;
      const chosen = rooms[Number(event.key) - 1];
      if (chosen) go(chosen.name);
      else if (event.key === "Escape" && selection.value.length) select([]);
    };
    addEventListener("keydown", pressed);
    return () => removeEventListener("keydown", pressed);
  }, []);
  const chosen = rooms.find(one => one.name === room.value) ?? rooms[0];
  useEffect(() => document.querySelector("nav [aria-current]")?.scrollIntoView({ block: "nearest", inline: "nearest" }), [chosen]);
  return html`
    <a class="skip" href="#${chosen.name}" onClick=${() => document.getElementById("room").focus()}>To the room</a>
    <header class="bar">
      <span class="brand"><svg viewBox="0 0 16 16" aria-hidden="true"><path d="M1 2h14L9.500 8 15 14H1l5.500-6z" /></svg>Narrows</span>
      <nav aria-label="Rooms">
        ${rooms.map(one => html`<a href="#${one.name}" aria-current=${one === chosen ? "page" : undefined} title=${one.line}>${one.title}</a>`)}
      </nav>
      <${Opened} state=${state} />
    </header>
    <${Going} />
    ${!connected.value && html`<p class="lost" role="alert">The connection to the studio is lost; this page goes on as soon as it is back. If it was stopped, start it again with <code>narrows studio</code>.</p>`}
    <${StepBar} />
    <main id="room" tabindex="-1" class="room-${chosen.name}">
      <h1 class="unseen">${chosen.title}</h1>
      <${Inside} chosen=${chosen} state=${state} />
    </main>
    <${Selected} chosen=${chosen} />
    <div class="toasts" role="status">
      ${toasts.value.map(one => html`<p key=${one.id} class=${one.kind}>${one.text}<button aria-label="Dismiss" onClick=${() => dismiss(one.id)}>×</button></p>`)}
    </div>`;
}

function Inside({ chosen, state }) {
  if (!state) return html`<${Empty} title="One moment" text="The studio is being asked what is open." />`;
  const why = state.rooms[chosen.name];
  if (why) return html`<${Empty} title=${`No ${chosen.title.toLowerCase()} here yet`} text=${why} line=${chosen.line} folder=${state.folder} />`;
  const ready = chosen.needs === "model" ? state.model : chosen.needs === "nothing" || state.rows;
  if (!ready) {
    const failed = state.jobs.find(job => job.name === "opening" && job.state === "failed");
    if (failed) return html`<${Empty} title="This could not be opened" text=${failed.message} />`;
    return html`<${Empty} title=${`Opening ${state.title}`} text="The pictures are being read; this page shows them as soon as they are there." line=${chosen.line} folder=${state.folder} />`;
  }
  return html`<${Safe} key=${`${chosen.name} ${returns.value}`} view=${chosen.view} />`;
}

// A fault in one room is said in its place; the others go on.
function Safe({ view }) {
  const [fault, again] = useErrorBoundary(error => console.error(error));
  if (!fault) return html`<${view} />`;
  return html`<section class="empty"><h2>This room failed</h2><p>${String(fault.message ?? fault)}</p><p><button onClick=${again}>Try again</button></p></section>`;
}

// What a room shows where it has nothing to show: what it is for, and what to do.
export function Empty({ title, text, line, folder }) {
  return html`<section class="empty">
    <h2>${title}</h2>
    <p>${text}</p>
    ${line && html`<p class="quiet">${line}</p>`}
    ${folder && html`<${Folder} folder=${folder} />`}
  </section>`;
}

// What is open; of a folder also what is in it.
function Opened({ state }) {
  if (!state) return html`<span class="open"></span>`;
  const about = html`${state.title}${state.rows ? html` <small>${state.rows.count.toLocaleString("en")} pictures</small>` : ""}${state.standing ? html` <small class="tag" title=${state.standing}>first model</small>` : ""}${state.read_only ? html` <small class="tag">read-only</small>` : ""}`;
  if (!state.folder) return html`<span class="open" title=${state.title}>${about}</span>`;
  const closed = event => { if (event.key === "Escape") event.currentTarget.open = false; };
  return html`<details class="open here" onKeyDown=${closed}>
    <summary title="What is here">${about}</summary>
    <section aria-label="What is here"><h2>${state.title}</h2><${Folder} folder=${state.folder} />
      ${(state.standing || state.trained) && html`<p class="small">${sentence(state.standing || state.trained)}</p>`}
      ${state.folder.copies > 0 && html`<p class="row"><button onClick=${event => { event.currentTarget.closest("details").open = false; go("duplicates"); }}>Look at duplicates</button></p>`}
    </section>
  </details>`;
}
const sentence = text => `${text[0].toUpperCase()}${text.slice(1)}.`;

// What a folder holds, before anything is made of it.
function Folder({ folder }) {
  const number = n => n.toLocaleString("en");
  const formats = Object.entries(folder.formats);
  const some = folder.looked_at < folder.pictures ? ` (of ${number(folder.looked_at)} looked at)` : "";
  return html`<dl class="facts">
    <dt>files</dt><dd>${number(folder.pictures + (folder.unreadable ?? 0))}</dd>
    ${formats.length > 0 && html`<dt>formats</dt><dd>${formats.map(([name, n]) => `${number(n)} ${name}`).join(", ")}${some}</dd>`}
    ${folder.sizes && html`<dt>sizes</dt><dd>${folder.sizes}</dd>`}
    ${folder.unreadable !== null && html`<dt>unreadable</dt><dd>${number(folder.unreadable)}${folder.skipped.length > 0 && html`
      <details><summary>which</summary><ul>${folder.skipped.map(([name, why]) => html`<li>${name}: ${why}</li>`)}</ul></details>`}</dd>`}
    ${folder.copies !== null && html`<dt>copies</dt><dd>${folder.copies ? html`${number(folder.copies)} files are byte by byte another one
      <details><summary>which</summary><ul>${folder.copied.map(names => html`<li>${names.join(" = ")}</li>`)}</ul></details>` : "no file is byte by byte another one"}</dd>`}
    ${folder.notes.map(note => html`<dt>note</dt><dd>${note}</dd>`)}
  </dl>`;
}

// A bar for what takes longer than half a second, and a line for what goes on behind.
function Going() {
  const [late, setLate] = useState(false);
  const waiting = busy.value > 0;
  useEffect(() => {
    if (!waiting) return setLate(false);
    const timer = setTimeout(() => setLate(true), 500);
    return () => clearTimeout(timer);
  }, [waiting]);
  const jobs = (server.value?.jobs ?? []).filter(job => job.state === "running");
  return html`
    <div class=${late && !jobs.length ? "going on" : "going"} role="progressbar" aria-label="Working" hidden=${!late || jobs.length > 0}></div>
    ${jobs.map(job => {
      const share = job.total ? job.done / job.total : null;
      return html`<div class="job" key=${job.name}>
        <label for=${`job-${job.name}`}>${job.title}${job.stage && `: ${job.stage}`}</label>
        <progress id=${`job-${job.name}`} value=${share ?? undefined} max="1"></progress>
        <span>${share === null ? "" : `${Math.floor(100 * share)} %`}</span>
        ${job.name === "training" && room.value !== "train" && html`<button onClick=${() => go("train")}>Watch</button>`}
        ${job.stops && html`<button disabled=${job.ends} aria-label=${`Stop: ${job.title}`} onClick=${() => told(post("/api/jobs/stop", { name: job.name }))}>${job.ends ? "Stopping …" : "Stop"}</button>`}
      </div>`;
    })}`;
}

function Selected({ chosen }) {
  const rows = selection.value;
  const [packing, setPacking] = useState(false);
  if (!rows.length) return null;
  const take = async () => {
    setPacking(true);
    const album = await told(albumOf(rows));
    if (album) hand(album, "album.zip");
    setPacking(false);
  };
  const search = () => {
    for (const row of rows.slice(0, 16)) put({ row }, 1);
    go("search");
  };
  return html`<div class="selected" role="region" aria-label="Selection">
    <b>${rows.length.toLocaleString("en")} selected</b>
    ${chosen.name !== "map" && html`<button onClick=${() => go("map")}>Show on the map</button>`}
    <button onClick=${search} title="The pictures nearest to the mean of these">Search like ${rows.length > 16 ? "16 of these" : rows.length > 1 ? "these" : "this"}</button>
    ${chosen.name !== "label" && html`<button onClick=${() => go("label")}>Label ${rows.length > 1 ? "these" : "this"}</button>`}
    ${!server.value.read_only && html`<button disabled=${packing} title="Their files, as they are, in one ZIP" onClick=${take}>${packing ? "Packing …" : "Save as ZIP"}</button>`}
    <button onClick=${() => select([])}>Clear</button>
  </div>`;
}
