// What all rooms share, as signals: a room that reads one is drawn again when it changes.
import { computed, effect, signal, untracked } from "@preact/signals";

export const server = signal(null); // what /api/state says: title, rows, rooms, missing, jobs
export const connected = signal(true);
export const returns = signal(0); // how often the connection came back: a room asks anew what it may have missed
export const SILENT = "the studio does not answer; it may have been stopped";
export const busy = signal(0); // questions that are on their way
const place = () => location.hash.slice(1).split("/");
export const room = signal(place()[0] || "map");
export const part = signal(place()[1] ?? ""); // of the room, where a link leads into it
export const selection = signal(new Uint32Array()); // rows, in ascending order; every room takes them
export const query = signal({ like: [], minus: [] }); // of the search: {row} or {upload, width, height}
export const conditions = signal([]); // of the filter: {column, test, value}
export const toasts = signal([]);

export const key = computed(() => server.value?.rows?.key ?? null);
export const count = computed(() => server.value?.rows?.count ?? 0);

addEventListener("hashchange", () => {
  const [name, inside] = place();
  room.value = name || "map";
  part.value = inside ?? "";
});

export function go(name) {
  location.hash = name;
}

let told = 0;
export function say(text, kind = "note") {
  const toast = { id: ++told, text, kind };
  toasts.value = [...toasts.value.filter(one => one.text !== text), toast].slice(-4);
  if (kind !== "error") setTimeout(() => dismiss(toast.id), 6000);
}
export function dismiss(id) {
  toasts.value = toasts.value.filter(one => one.id !== id);
}

export function forget() {
  const uploads = list => list.filter(one => one.upload);
  selection.value = new Uint32Array();
  query.value = { like: uploads(query.value.like), minus: uploads(query.value.minus) };
}

export function select(rows) {
  selection.value = Uint32Array.from(new Set(rows)).sort();
}
export function toggle(row) {
  const rows = new Set(selection.value);
  if (!rows.delete(row)) rows.add(row);
  select(rows);
}

// which side of a search a picture is on: 1 like, -1 minus, 0 neither
const same = (a, b) => (a.row !== undefined ? a.row === b.row : a.upload === b.upload);
export function side(term) {
  if (query.value.like.some(one => same(one, term))) return 1;
  return query.value.minus.some(one => same(one, term)) ? -1 : 0;
}
export function put(term, where) {
  const rest = list => list.filter(one => !same(one, term));
  const like = rest(query.value.like), minus = rest(query.value.minus);
  if (where === 1) like.push(term);
  if (where === -1) minus.push(term);
  query.value = { like, minus };
}

// does something with what it depends on, now and whenever that changes; gives a way to stop
export function whenever(depends, act) {
  return effect(() => {
    const values = depends();
    untracked(() => void act(...values));
  });
}

// until a job is over: it is done, or its sentence is thrown
export function finished(name) {
  return new Promise((resolve, reject) => {
    const stop = effect(() => {
      const job = server.value?.jobs.find(one => one.name === name);
      if (!job || job.state === "running") return;
      queueMicrotask(() => stop());
      if (job.state === "done") resolve();
      else reject(Object.assign(new Error(job.message), { stopped: job.state === "stopped" }));
    });
  });
}
