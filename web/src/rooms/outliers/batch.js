// Pictures from anywhere, a few at a time, by the scores and the threshold of what was found.
import { signal } from "@preact/signals";
import { html } from "htm/preact";
import { useRef, useState } from "preact/hooks";
import { postColumns, send } from "../../api.js";
import { Pixels, hand } from "../../pixels.js";
import { say } from "../../state.js";

const AT_ONCE = 16, MOST = 2000, SHOWN = 96;
const judged = signal([]); // {name, value, p, pixels, shape}
const refused = signal([]); // {name, why}
const going = signal(null); // {done, total}
const by = signal(""); // the score and the queue that they were judged by
let stopped = false;

const quoted = text => (/[",\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text);

async function judge(files, queue) {
  const some = files.filter(file => file.size && !file.name.startsWith(".")).slice(0, MOST);
  if (!some.length) return say("There is no picture among these.");
  if (files.length > MOST) say(`The first ${MOST.toLocaleString("en")} are judged.`);
  stopped = false;
  [judged.value, refused.value, by.value] = [[], [], `${queue.by} ${queue.number}`];
  for (let start = 0; start < some.length && !stopped; start += AT_ONCE) {
    going.value = { done: start, total: some.length };
    const sent = [];
    for (const file of some.slice(start, start + AT_ONCE)) {
      const name = file.path || file.webkitRelativePath || file.name;
      try {
        sent.push({ name, ...(await send("/api/uploads", file)) });
      } catch (error) {
        refused.value = [...refused.value, { name, why: error.message }];
      }
    }
    if (!sent.length) continue;
    try {
      const made = await postColumns("/api/outliers/batch", { uploads: sent.map(one => one.upload), score: queue.by });
      const [, h, w] = made.shapes.hot;
      const more = sent.map((one, i) => ({ name: one.name, value: made.scores[i], p: made.p[i], pixels: made.hot.slice(4 * i * h * w, 4 * (i + 1) * h * w), shape: [1, h, w] }));
      judged.value = [...judged.value, ...more].sort((a, b) => b.value - a.value);
    } catch (error) {
      say(error.message, "error");
      break;
    }
  }
  going.value = null;
}

// the files below what was dropped, folders too
async function dropped(items) {
  const found = [];
  const entries = [...items].map(item => item.webkitGetAsEntry?.()).filter(Boolean);
  while (entries.length && found.length <= MOST) {
    const entry = entries.shift();
    if (entry.isFile) found.push(await new Promise((resolve, reject) => entry.file(file => resolve(Object.assign(file, { path: entry.fullPath.replace(/^\//, "") })), reject)));
    else {
      const reader = entry.createReader();
      for (let some = [null]; some.length; ) {
        some = await new Promise((resolve, reject) => reader.readEntries(resolve, reject));
        entries.push(...some);
      }
    }
  }
  return found;
}

export function Batch({ queue, threshold }) {
  const [over, setOver] = useState(false), files = useRef(null), folder = useRef(null);
  const all = judged.value, above = all.filter(one => one.value > threshold).length, old = all.length > 0 && by.value !== `${queue.by} ${queue.number}`;
  const short = value => Number(value.toPrecision(4)).toString();
  const table = () => [["name", queue.by, "p", "above"], ...all.map(one => [quoted(one.name), short(one.value), short(one.p), one.value > threshold])].map(line => line.join(",")).join("\n") + "\n";
  const taken = event => { void judge([...event.target.files], queue); event.target.value = ""; };
  return html`<section class=${over ? "threshold batch over" : "threshold batch"} aria-label="A batch"
      onDragOver=${event => { event.preventDefault(); setOver(true); }} onDragLeave=${event => event.currentTarget.contains(event.relatedTarget) || setOver(false)}
      onDrop=${event => { event.preventDefault(); setOver(false); void dropped(event.dataTransfer.items).then(found => judge(found, queue)); }}>
    <div class="row"><b>Judge a batch</b> <span class="quiet small">drop pictures or a folder here: the same scores, nothing is kept</span></div>
    <div class="row">
      <button disabled=${going.value !== null} onClick=${() => files.current.click()}>Pictures …</button>
      <button disabled=${going.value !== null} onClick=${() => folder.current.click()}>A folder …</button>
      <input ref=${files} class="unseen" type="file" multiple tabindex="-1" accept="image/*,.heic,.tif,.tiff" aria-label="Pictures of a batch" onChange=${taken} />
      <input ref=${folder} class="unseen" type="file" webkitdirectory tabindex="-1" aria-label="Folder of a batch" onChange=${taken} />
      ${going.value && html`<progress max=${going.value.total} value=${going.value.done} aria-label="How far the batch is"></progress><button onClick=${() => (stopped = true)}>Stop</button>`}
      ${all.length > 0 && html`<button onClick=${() => hand(new Blob([table()], { type: "text/csv" }), "batch.csv")}>Save as CSV</button>`}
    </div>
    ${all.length > 0 && html`<p role="status"><b>${above.toLocaleString("en")} of ${all.length.toLocaleString("en")} above the threshold</b>${old ? html` <span class="quiet">(by what was found before)</span>` : null}</p>
      <div class="tiles">${all.slice(0, SHOWN).map(one => html`<figure key=${one.name} class=${`tile ${one.value > threshold ? "" : "below"}`} title=${`${one.name}: ${short(one.value)}, p ${Number(one.p.toPrecision(2))}`}>
        <${Pixels} pixels=${one.pixels} shape=${one.shape} label=${one.name} /><span>${Number(one.p.toPrecision(2))} ${one.name.split("/").at(-1)}</span></figure>`)}</div>`}
    ${refused.value.length > 0 && html`<details class="notes"><summary>${refused.value.length} could not be read</summary>${refused.value.slice(0, 50).map(one => html`<p>${one.name}: ${one.why}</p>`)}</details>`}
  </section>`;
}
