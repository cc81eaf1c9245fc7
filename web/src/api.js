// Questions to the server. An answer that is no answer is a sentence, thrown and shown.
import { SILENT, busy, key, say, server } from "./state.js";

export class Refusal extends Error {}

export async function ask(path, options = {}) {
  busy.value++;
  try {
    const answer = await fetch(path, { credentials: "same-origin", ...options });
    if (answer.ok) return answer;
    let sentence = `the studio answered ${answer.status}`;
    try {
      sentence = (await answer.json()).message ?? sentence;
    } catch {
      // no JSON: the number has to do
    }
    if (answer.status === 409) refresh();
    throw new Refusal(sentence);
  } catch (error) {
    if (error instanceof Refusal || error.name === "AbortError") throw error;
    throw new Refusal(SILENT);
  } finally {
    busy.value--;
  }
}

function address(path, parameters = {}) {
  const query = new URLSearchParams({ key: key.value ?? "", ...parameters });
  return `${path}?${query}`;
}

export const get = async (path, parameters, options) => (await ask(address(path, parameters), options)).json();
export const getColumns = async (path, parameters) => columns(await ask(address(path, parameters)));
export const post = async (path, body, options) => (await ask(path, json(body, options))).json();
export const postColumns = async (path, body, options) => columns(await ask(path, json(body, options)));
export const put = (path, body) => inTurn(path, json(body, { method: "PUT" }));
export const remove = path => inTurn(path, { method: "DELETE" });
export async function send(path, blob, as = "json") {
  const answer = await ask(path, { method: "POST", body: blob, headers: { "content-type": "application/octet-stream" } });
  return as === "columns" ? columns(answer) : answer[as]();
}

// what is written arrives in the order in which it was decided: an undo never before what it undoes
let written = Promise.resolve();
function inTurn(path, options) {
  const mine = written.then(() => ask(path, options)).then(answer => answer.json());
  written = mine.catch(() => undefined);
  return mine;
}

export const settled = () => written; // all that was decided so far has been written

const json = (body, options) => ({
  method: "POST",
  headers: { "content-type": "application/json" },
  body: JSON.stringify({ key: key.value ?? "", ...body }),
  ...options,
});

export const thumbnailOf = row => address(`/api/pictures/${row}`, { thumbnail: "true" });
export const pictureOf = row => address(`/api/pictures/${row}`);
export const labelsOf = () => address("/api/label/csv");
export const pageOf = name => address("/api/share/file", { name });
// a sheet of thumbnails, as a canvas takes it
export async function sheetOf(number) {
  const answer = await fetch(address(`/api/map/sheets/${number}`));
  if (!answer.ok) throw new Error(String(answer.status));
  return createImageBitmap(await answer.blob());
}

export const outliersOf = parameters => address("/api/outliers/csv", parameters);

// a table with all that was said so far, also what is still on its way
export async function handOver(event) {
  event.preventDefault();
  const { href, download } = event.currentTarget;
  await written;
  Object.assign(document.createElement("a"), { href, download }).click();
}

// the files of rows as one ZIP
export const albumOf = async rows => (await ask("/api/pictures/album", json({ rows: [...rows] }))).blob();

export async function refresh() {
  server.value = await (await ask("/api/state")).json();
}

// a promise whose failure is a toast
export async function told(promise) {
  try {
    return await promise;
  } catch (error) {
    if (error.name === "AbortError") return undefined;
    if (!(error instanceof Refusal)) throw error;
    say(error.message, "error");
    return undefined;
  }
}

// As studio/wire.py writes it: a document, and typed arrays that lie in the answer itself.
const KINDS = { uint8: Uint8Array, uint16: Uint16Array, uint32: Uint32Array, float32: Float32Array, float64: Float64Array };
async function columns(answer) {
  if (answer.status === 202) return { waiting: (await answer.json()).job };
  const buffer = await answer.arrayBuffer();
  const length = new DataView(buffer).getUint32(0, true);
  const head = JSON.parse(new TextDecoder().decode(new Uint8Array(buffer, 4, length)));
  let at = 4 + length;
  const out = { ...head, shapes: {} };
  for (const { name, type, shape } of head.columns) {
    at += (8 - (at % 8)) % 8;
    const size = shape.reduce((a, b) => a * b, 1);
    out[name] = new KINDS[type](buffer, at, size);
    out.shapes[name] = shape;
    at += out[name].byteLength;
  }
  return out;
}
