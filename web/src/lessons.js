// What a lesson shows of a code: two of its numbers as a plane, fewer of them, codes beside pixels, what is usual.
import { signal } from "@preact/signals";
import { html } from "htm/preact";
import { useEffect, useRef } from "preact/hooks";
import { post, postColumns, send, thumbnailOf, told } from "./api.js";
import { Keep } from "./handout.js";
import { Pixels } from "./pixels.js";
import { go, key, part, room, server, whenever } from "./state.js";

const open = signal(""); // which of them is
const square = signal(null); // of two numbers of the code
export const spot = signal(null); // where in it, in deviations; null: the plane has no say
const fewer = signal(null); // a picture by its first numbers
const count = signal(1);
const way = signal(null);
const along = signal(50); // percent of the way
const usual = signal(null);

// of another model all of it is of other codes
export function forget() {
  square.value = spot.value = fewer.value = way.value = usual.value = null;
}

// the two numbers of the plane take the place of those of a code
export function place(z) {
  const found = square.value, at = spot.value;
  if (!found || !at || open.value !== "plane") return;
  found.units.forEach((unit, i) => (z[unit] = found.start[unit] + at[i] * found.steps[i * z.length + unit]));
}
export const placing = () => [square.value, spot.value, open.value];

// ready: what stands above is there, so that it stays where it is scrolled to
function Part({ of, title, ready, children }) {
  const here = useRef(null), shown = open.value === of;
  useEffect(() => {
    if (part.value !== of && !(of === "numbers" && part.value === "draw")) return;
    open.value = of;
    const frame = requestAnimationFrame(() => requestAnimationFrame(() => { // when the part before is closed
      here.current?.scrollIntoView({ block: "start" });
      here.current?.querySelector("summary").focus({ preventScroll: true });
    }));
    return () => cancelAnimationFrame(frame);
  }, [part.value, ready]);
  return html`<details class="lesson-part" ref=${here} open=${shown}>
    <summary onClick=${event => { event.preventDefault(); open.value = shown ? "" : of; }}>${title}</summary>
    ${shown && html`<div class="inside">${children}</div>`}
  </details>`;
}

// terms: what is mixed; decoded: the canvas of the code
export function Lessons({ terms, decoded, ready }) {
  return html`<section aria-label="For a lesson" class="lessons">
    <${Part} of="plane" ready=${ready} title="A plane of two numbers"><${Square} decoded=${decoded} /><//>
    <${Part} of="numbers" ready=${ready} title="How many numbers"><${Numbers} terms=${terms} /><//>
    <${Part} of="way" ready=${ready} title="Codes or pixels"><${Way} terms=${terms} /><//>
    <${Part} of="usual" ready=${ready} title="Is it usual here?"><${Usual} terms=${terms} /><//>
  </section>`;
}

// ---- a plane of two numbers ----------------------------------------------------------------------

async function ask(units = []) {
  const found = await told(postColumns("/api/lesson/plane", { units }));
  if (!found) return;
  square.value = found;
  spot.value = [0, 0];
}

function Square({ decoded }) {
  const canvas = useRef(null), found = square.value;
  useEffect(() => whenever(() => [key.value], () => void ask(square.peek()?.units)), []);
  useEffect(() => whenever(() => [square.value, spot.value], () => draw(canvas.current)), [found]);
  if (!found) return html`<p class="quiet small">The numbers of the code are being put in order.</p>`;
  const to = event => {
    const box = canvas.current.getBoundingClientRect(), reach = 1.1 * found.reach;
    const at = [(2 * (event.clientX - box.left)) / box.width - 1, 1 - (2 * (event.clientY - box.top)) / box.height];
    spot.value = at.map(v => Math.max(-reach, Math.min(reach, v * reach)));
  };
  const keyed = event => {
    const step = { ArrowLeft: [-0.1, 0], ArrowRight: [0.1, 0], ArrowUp: [0, 0.1], ArrowDown: [0, -0.1] }[event.key];
    if (!step) return;
    event.preventDefault();
    spot.value = spot.value.map((v, i) => Math.max(-1.1 * found.reach, Math.min(1.1 * found.reach, v + step[i])));
  };
  const other = (i, value) => void ask(found.units.map((unit, j) => (i === j ? value : unit)));
  const choice = i => html`<label>${i ? "upwards" : "to the right"}
    <select aria-label=${i ? "Number upwards" : "Number to the right"} value=${found.units[i]} onChange=${event => other(i, Number(event.target.value))}>
      ${[...new Set([...found.units, ...found.known])].sort((a, b) => a - b).map(unit => html`<option value=${unit} disabled=${unit === found.units[1 - i]}>unit ${unit}</option>`)}
    </select></label>`;
  const text = found.size === 2 ? "This model's codes are these two numbers: every picture that it can draw lies on this square."
    : `Two of the code's ${found.size.toLocaleString("en")} numbers, those that change the picture most; the others stay as they are.`;
  return html`<p class="quiet small">${text} Drag over it, or use the arrow keys. Dots are the codes of the pictures here; the square goes ± ${found.reach} deviations.</p>
    <canvas class="square" ref=${canvas} width="720" height="720" tabindex="0" role="application" aria-label="Plane of two numbers: drag, or arrow keys"
      onPointerDown=${event => { event.currentTarget.setPointerCapture(event.pointerId); to(event); }} onPointerMove=${event => event.buttons & 1 && to(event)} onKeyDown=${keyed}></canvas>
    <p class="row small">${choice(0)}${choice(1)}<output>${spot.value.map(v => v.toFixed(1)).join(", ")}</output></p>
    ${found.names.length > 1 && found.names.length <= 12 && html`<p class="row small names">${found.names.map((name, i) => html`<span><svg viewBox="0 0 10 10" aria-hidden="true"><circle cx="5" cy="5" r="5" fill=${found.colours[i]} /></svg>${name}</span>`)}</p>`}
    <p class="row"><${Keep} title="A plane of two numbers" text=${() => `Units ${found.units.join(" and ")} of the code at ${spot.value.map(v => v.toFixed(1)).join(" and ")} deviations, and what the model draws there.`} shown=${() => [canvas.current, decoded.current]} /></p>`;
}

function draw(canvas) {
  const found = square.value, at = spot.value;
  if (!canvas || !found || !at) return;
  const pen = canvas.getContext("2d"), side = canvas.width, reach = 1.1 * found.reach;
  const style = getComputedStyle(canvas), to = v => (side * (1 + v / reach)) / 2;
  pen.clearRect(0, 0, side, side);
  pen.strokeStyle = style.getPropertyValue("--rule");
  pen.lineWidth = 2;
  for (const v of [-3, -2, -1, 0, 1, 2, 3]) {
    pen.beginPath();
    pen.moveTo(to(v), 0), pen.lineTo(to(v), side), pen.moveTo(0, to(v)), pen.lineTo(side, to(v));
    pen.stroke();
  }
  pen.globalAlpha = 0.45;
  for (let i = 0; i < found.which.length; i++) {
    pen.fillStyle = found.colours[found.which[i]];
    pen.beginPath();
    pen.arc(to(found.points[2 * i]), side - to(found.points[2 * i + 1]), 5, 0, 7);
    pen.fill();
  }
  pen.globalAlpha = 1;
  const [x, y] = [to(at[0]), side - to(at[1])];
  pen.beginPath();
  pen.arc(x, y, 15, 0, 7);
  pen.lineWidth = 9;
  pen.strokeStyle = style.getPropertyValue("--paper");
  pen.stroke();
  pen.lineWidth = 5;
  pen.strokeStyle = style.getPropertyValue("--accent");
  pen.stroke();
}

// ---- fewer numbers -------------------------------------------------------------------------------

// a picture of the mixture, or the first one here
const pictured = terms => terms.find(one => one.upload || one.row !== undefined) ?? { row: 0 };

function Numbers({ terms }) {
  const one = pictured(terms), shown = useRef(null);
  useEffect(() => whenever(() => [key.value], async () => {
    const found = await told(postColumns("/api/lesson/numbers", one.upload ? { upload: one.upload } : { row: one.row }));
    fewer.value = found ?? null;
    if (found) count.value = found.counts.length - 1;
  }), [one.upload, one.row]);
  const found = fewer.value;
  if (!server.value?.rows) return html`<p class="quiet small">This needs pictures, whose codes say what each number changes: open a collection.</p>`;
  if (!found) return html`<p class="quiet small">The picture is being decoded of fewer and fewer numbers.</p>`;
  const at = Math.min(count.value, found.counts.length - 1), all = found.counts.at(-1);
  const said = `${found.counts[at]} of ${all} numbers: ${found.psnr[at].toFixed(1)} dB`;
  return html`<p class="quiet small">Only the first numbers of the code are kept, those that change the picture most; the others are the mean of all codes. PSNR, in decibels, says how near it comes: higher is nearer. ${terms.length ? "" : "Mix, pick or draw a picture to see it with that."}</p>
    <div class="pair" ref=${shown}>
      <figure><${Pixels} pixels=${found.given} shape=${found.shapes.given} label="the picture" /><figcaption>the picture</figcaption></figure>
      <figure><${Pixels} pixels=${found.pictures} shape=${found.shapes.pictures} at=${at} label="by fewer numbers" /><figcaption>${said}</figcaption></figure>
    </div>
    <label class="wide">How many numbers<input type="range" aria-label="How many numbers" aria-valuetext=${said} min="0" max=${found.counts.length - 1} value=${at} onInput=${event => (count.value = Number(event.target.value))} /></label>
    <p class="row"><${Keep} title="How many numbers" text=${() => `The picture, and what the model draws of it with ${said}.`} shown=${() => [...shown.current.querySelectorAll("canvas")]} /></p>`;
}

// ---- codes or pixels -----------------------------------------------------------------------------

function Way({ terms }) {
  const shown = useRef(null), all = terms.filter(one => one.code);
  useEffect(() => {
    way.value = null;
    if (all.length < 2) return;
    const size = all[0].code.length, codes = new Float32Array(all.length * size);
    all.forEach((one, i) => codes.set(one.code, i * size));
    let gone = false;
    void told(send("/api/lesson/way", new Blob([codes]), "columns")).then(found => !gone && (way.value = found ?? null));
    return () => (gone = true);
  }, [all.map(one => one.id).join(" ")]);
  const found = way.value;
  if (all.length < 2) return html`<p class="quiet small">Mix two pictures or more: the selected ones, some that you pick, draw, or of the new ones below with Ctrl-click.</p>`;
  if (!found) return html`<p class="quiet small">The way between them is being decoded.</p>`;
  const at = Math.round((along.value / 100) * (found.shapes.frames[0] - 1));
  return html`<p class="quiet small">On the way from the first to the last: a mixture of their codes, decoded, beside the same mixture of their pixels.</p>
    <div class="pair" ref=${shown}>
      <figure><${Pixels} pixels=${found.frames} shape=${found.shapes.frames} at=${at} label="of codes" /><figcaption>of codes</figcaption></figure>
      <figure><${Pixels} pixels=${found.fade} shape=${found.shapes.fade} at=${at} label="of pixels" /><figcaption>of pixels</figcaption></figure>
    </div>
    <label class="wide">Place on the way<input type="range" aria-label="Place on the way" min="0" max="100" value=${along.value} onInput=${event => (along.value = Number(event.target.value))} /></label>
    <p class="row"><${Keep} title="Codes or pixels" text=${() => `${along.value} % of the way: a mixture of codes, and of pixels.`} shown=${() => [...shown.current.querySelectorAll("canvas")]} /></p>`;
}

// ---- is it usual ---------------------------------------------------------------------------------

function Usual({ terms }) {
  const shown = useRef(null), one = terms.findLast(each => each.upload);
  useEffect(() => {
    usual.value = null;
    if (!one || !server.value?.rows) return;
    let gone = false;
    void told(post("/api/lesson/usual", { upload: one.upload })).then(found => !gone && (usual.value = found ? { ...found, upload: one.upload } : null));
    return () => (gone = true);
  }, [one?.upload]);
  const found = usual.value;
  if (!one) return html`<p class="quiet small">Draw a picture, or pick one: its code is compared with those of the pictures here. <button onClick=${() => go("latent/draw")}>Draw one</button></p>`;
  if (!found) return html`<p class="quiet small">It is being compared with the pictures here.</p>`;
  const rare = found.p <= 0.05, farther = Math.round(found.p * (found.others + 1)) - 1;
  return html`<div class="pair" ref=${shown}><figure><img src=${`/api/uploads/${one.upload}`} alt=${one.label} /><figcaption>${one.label}</figcaption></figure></div>
    <p><b>${rare ? "Unusual here." : "Nothing unusual."}</b> Anomaly score ${found.score.toPrecision(3)}, the mean distance to the five nearest codes; p = ${found.p.toPrecision(2)}: of ${found.others.toLocaleString("en")} pictures here ${farther ? farther.toLocaleString("en") : "none"} ${farther > 1 ? "lie" : "lies"} as far from the others.</p>
    <p class="quiet small">Nearest to it:</p>
    <div class="nearest">${found.nearest.map(each => html`<img src=${thumbnailOf(each.row)} alt=${each.id} title=${each.id} />`)}</div>
    <p class="row"><${Keep} title="Is it usual here?" text=${() => `Anomaly score ${found.score.toPrecision(3)}, p = ${found.p.toPrecision(2)} among ${found.others.toLocaleString("en")} pictures.`} shown=${() => [...shown.current.querySelectorAll("img")]} /></p>`;
}
