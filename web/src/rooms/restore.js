// Restore: a picture in, a better one out, beside what needs no model. What is to be filled is painted.
import { signal } from "@preact/signals";
import { html } from "htm/preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { paintOn } from "../brush.js";
import { get, post, refresh, send, told } from "../api.js";
import { Keep } from "../handout.js";
import { finished, go, key, part, say, selection, server, whenever } from "../state.js";
import { Typed } from "../typed.js";

export const name = "restore";
export const title = "Restore";
export const line = "Drop a picture; take the noise out, paint over what is to be filled, or make it larger, beside methods without a model.";
export const needs = "model";

const VERBS = [["denoise", "Denoise"], ["inpaint", "Fill holes"], ["upscale", "Enlarge"]];
const NOISES = { gaussian: [0.1, 0, 1, 0.01, "σ"], dropout: [0.3, 0, 0.95, 0.05, "share of pixels"], "salt-and-pepper": [0.1, 0, 0.9, 0.05, "share of pixels"], blur: [1.5, 0.1, 8, 0.1, "σ in pixels"], jpeg: [20, 1, 95, 1, "quality"] };
const FROM = { "gaussian-noise": ["gaussian", "sigma"], "dropout-mask": ["dropout", "p"], "salt-and-pepper": ["salt-and-pepper", "p"], blur: ["blur", "sigma"], jpeg: ["jpeg", "quality"] };
const CANVAS = 1024; // pixels of the longer side of what is painted on

const about = signal(null);
const picture = signal(null); // {upload, width, height, name}
const verb = signal("denoise");
const task = signal({ noise: "", amount: 0.1, sigma: "", resize: "", factor: 2, by: "", score: false });
const working = signal(false);
const result = signal(null); // what the server says, and its id
const sides = signal([0, 1]); // the methods on the left and on the right
const cut = signal(50);
const brush = signal(6); // percent of the picture's longer side
const rub = signal(false);
const painted = signal(false);
let mask = null; // a canvas that is kept while another room is looked at

export function view() {
  const [over, setOver] = useState(false);
  useEffect(() => {
    const stops = [whenever(() => [key.value], ask), whenever(() => [part.value, about.value, server.value?.rows?.count], led)];
    const pasted = event => {
      const [file] = event.clipboardData?.files ?? [];
      if (file) {
        event.preventDefault();
        void take(file);
      }
    };
    addEventListener("paste", pasted);
    return () => {
      stops.forEach(end => end());
      removeEventListener("paste", pasted);
    };
  }, []);
  return html`<div class=${over ? "restore over" : "restore"}
      onDragOver=${event => { event.preventDefault(); setOver(true); }}
      onDragLeave=${event => event.currentTarget.contains(event.relatedTarget) || setOver(false)}
      onDrop=${event => { event.preventDefault(); setOver(false); const [file] = event.dataTransfer.files; if (file) void take(file); }}>
    <section class="wanted" aria-label="What is done">
      <div class="choice" role="group" aria-label="What is done">
        ${VERBS.map(([value, text]) => html`<button aria-pressed=${verb.value === value} onClick=${() => { verb.value = value; result.value = null; }}>${text}</button>`)}
      </div>
      <${Which} />
      ${picture.value && html`<${Options} />`}
    </section>
    <section class="stage" aria-label="Picture">
      ${!picture.value ? html`<${Start} />` : result.value ? html`<${Compared} />` : html`<${Given} />`}
    </section>
  </div>`;
}

// ---- asking ------------------------------------------------------------------------------------

async function ask() {
  const found = await told(get("/api/restore"));
  if (!found) return;
  if (!about.value) begunAt(found);
  about.value = found;
}

function begunAt({ undoes, numbers }) {
  verb.value = undoes ? "denoise" : "inpaint"; // which a model can that was trained to undo nothing
  if (undoes === "downscale") {
    verb.value = "upscale";
    task.value = { ...task.value, factor: numbers.factor ?? 2 };
  } else if (undoes === "patch" || undoes === "rectangle") verb.value = "inpaint";
}

// from a lesson: noise that is added, or a part to erase, of the picture at hand or of the first one here
let ledTo = "";
function led(to, known, rows) {
  if (!known || to === ledTo) return;
  if (to === "noise" || to === "erase") {
    verb.value = to === "noise" ? "denoise" : "inpaint";
    result.value = null;
    if (to === "noise" && !task.value.noise) task.value = { ...task.value, noise: "gaussian", amount: NOISES.gaussian[0] };
    if (!picture.value && !rows) return;
    if (!picture.value) void adopt(0);
  }
  ledTo = to;
}

function shown(one) {
  picture.value = one;
  result.value = null;
  const scale = Math.min(1, CANVAS / Math.max(one.width, one.height));
  mask = document.createElement("canvas");
  mask.width = Math.max(1, Math.round(one.width * scale));
  mask.height = Math.max(1, Math.round(one.height * scale));
  painted.value = false;
}

async function take(file) {
  const answer = await told(send("/api/uploads", file));
  if (answer) shown({ ...answer, name: file.name || "pasted picture" });
}

// from another room: a picture to begin with
export function restoreRow(row) {
  void adopt(row);
  go("restore");
}

async function adopt(row) {
  const answer = await told(post("/api/restore/pictures", { row }));
  if (!answer) return;
  if (answer.note) say(answer.note);
  shown(answer);
}

async function begin() {
  const now = task.value, clean = now.noise !== "";
  const body = { upload: picture.value.upload, verb: verb.value, by: now.by || null, score: now.score };
  working.value = true;
  try {
    if (verb.value === "denoise")
      Object.assign(body, { by: null, score: false, noise: now.noise || null, amount: Number(now.amount), sigma: clean || now.sigma === "" ? null : Number(now.sigma), resize: now.resize || null });
    if (verb.value === "upscale") body.factor = Number(now.factor);
    if (verb.value === "inpaint") body.mask = (await send("/api/uploads", await asMask())).upload;
    const { id, job } = await post("/api/restore", body);
    await refresh();
    await finished(job);
    const found = await get(`/api/restore/${id}`);
    sides.value = found.whole && found.whole[0] !== null ? found.whole : [0, found.methods.findIndex(one => one.model)];
    cut.value = 50;
    result.value = { id, ...found };
  } catch (error) {
    say(error.message, error.stopped ? "note" : "error");
  } finally {
    working.value = false;
  }
}

// white where it was painted, as large as the picture
function asMask() {
  const { width, height } = picture.value;
  const whole = Object.assign(document.createElement("canvas"), { width, height });
  const pen = whole.getContext("2d");
  pen.drawImage(mask, 0, 0, width, height);
  pen.globalCompositeOperation = "source-in";
  pen.fillStyle = "#fff";
  pen.fillRect(0, 0, width, height);
  pen.globalCompositeOperation = "destination-over";
  pen.fillStyle = "#000";
  pen.fillRect(0, 0, width, height);
  return new Promise(resolve => whole.toBlob(resolve, "image/png"));
}

// ---- what is asked -----------------------------------------------------------------------------

function Start() {
  return html`<div class="empty"><h2>Drop a picture here</h2><p class="quiet">${line}</p></div>`;
}

function Which() {
  const input = useRef(null), one = picture.value, some = selection.value;
  return html`<div class="which">
    ${one && html`<p><b>${one.name}</b> <span class="quiet">${one.width}×${one.height}</span></p>`}
    <p class="row">
      <button class=${one ? "" : "main"} onClick=${() => input.current.click()}>${one ? "Another picture …" : "Pick a picture …"}</button>
      <input ref=${input} class="unseen" type="file" accept="image/*,.heic,.tif,.tiff" tabindex="-1" aria-label="Pick a picture to restore"
        onChange=${event => { const [file] = event.target.files; if (file) void take(file); event.target.value = ""; }} />
      ${some.length > 0 && html`<button onClick=${() => adopt(some[0])}>Take the selected one</button>`}
    </p>
  </div>`;
}

function Options() {
  const now = task.value, set = part => { task.value = { ...now, ...part }; };
  const noise = NOISES[now.noise], { shape, undoes, numbers } = about.value ?? {};
  const own = FROM[undoes];
  const start = (text, ready = true) => html`<button class="main" disabled=${working.value || !ready} onClick=${begin}>${working.value ? "Working …" : text}</button>`;
  if (verb.value === "denoise") return html`<div class="options">
    <label>The picture <select value=${now.noise} onChange=${event => set({ noise: event.target.value, amount: own?.[0] === event.target.value ? numbers[own[1]] : NOISES[event.target.value]?.[0] ?? 0 })}>
      <option value="">is noisy</option>
      ${Object.keys(NOISES).map(one => html`<option value=${one}>is clean: add ${one} first</option>`)}
    </select></label>
    ${noise && html`<label>${noise[4]} <input type="range" min=${noise[1]} max=${noise[2]} step=${noise[3]} value=${now.amount} onInput=${event => set({ amount: event.target.value })} onChange=${() => result.value && !working.value && begin()} /> <output>${now.amount}</output></label>`}
    ${!noise && html`<label>Its noise, σ <${Typed} type="number" min="0" max="1" step="0.01" placeholder="estimated" value=${now.sigma} take=${sigma => set({ sigma })} /></label>`}
    ${shape && (picture.value.width !== shape[2] || picture.value.height !== shape[1]) && html`<label>Size <select value=${now.resize} onChange=${event => set({ resize: event.target.value })}>
      <option value="">keep it</option><option value="crop">crop to ${shape[2]}×${shape[1]}</option><option value="pad">pad to ${shape[2]}×${shape[1]}</option><option value="stretch">stretch to ${shape[2]}×${shape[1]}</option>
    </select></label>`}
    ${start("Denoise")}
  </div>`;
  if (verb.value === "upscale") return html`<div class="options">
    <label>Times larger <select value=${now.factor} onChange=${event => set({ factor: event.target.value })}>${[2, 3, 4, 8].map(one => html`<option value=${one}>${one}</option>`)}</select></label>
    <label>By <select value=${now.by === "lanczos" ? "lanczos" : ""} onChange=${event => set({ by: event.target.value })}><option value="">the model</option><option value="lanczos">Lanczos</option></select></label>
    <label class="check"><input type="checkbox" checked=${now.score} onChange=${event => set({ score: event.target.checked })} /> It is the large one: make it smaller first, and compare</label>
    ${start("Enlarge")}
  </div>`;
  return html`<div class="options">
    <label>Brush <input type="range" min="1" max="30" value=${brush.value} onInput=${event => (brush.value = Number(event.target.value))} /></label>
    <p class="row">
      <button aria-pressed=${rub.value} onClick=${() => (rub.value = !rub.value)}>Rub out</button>
      <button onClick=${() => { mask.getContext("2d").clearRect(0, 0, mask.width, mask.height); painted.value = false; result.value = null; }}>Clear</button>
    </p>
    <label>By <select value=${now.by} onChange=${event => set({ by: event.target.value })}><option value="">as the model was trained</option><option value="model">once through the model</option><option value="projection">the closest picture that the model has</option></select></label>
    <label class="check"><input type="checkbox" checked=${now.score} onChange=${event => set({ score: event.target.checked })} /> What I paint over is real: compare with it</label>
    ${result.value ? html`<button onClick=${() => (result.value = null)}>Paint more</button>` : start("Fill it", painted.value)}
    ${!painted.value && html`<p class="quiet small">Paint over what is to be filled. With keys: arrows move, Space paints.</p>`}
  </div>`;
}

// ---- the picture and what is painted on it -----------------------------------------------------

function Given() {
  const one = picture.value, box = useRef(null), dot = useRef(null);
  const canPaint = verb.value === "inpaint";
  useEffect(() => {
    if (!canPaint || !box.current) return;
    const canvas = mask;
    canvas.className = "mask";
    canvas.tabIndex = 0;
    canvas.setAttribute("role", "application");
    canvas.setAttribute("aria-label", "Paint over what is to be filled");
    box.current.append(canvas);
    const hands = paintOn(canvas, dot.current, { width: () => brush.peek() / 100, colour: () => "#e5322d", rub: () => rub.peek(), painted: () => (painted.value = true) });
    return () => {
      hands();
      canvas.remove();
    };
  }, [canPaint, one.upload]);
  const ratio = one.width / one.height;
  return html`<div class=${Math.max(one.width, one.height) <= 64 ? "paper coarse" : "paper"} ref=${box} style=${{ "--ratio": String(ratio) }}>
    <img src=${`/api/uploads/${one.upload}`} alt=${one.name} draggable=${false} />
    <i class="dot" ref=${dot} hidden></i>
  </div>`;
}

// ---- before and after --------------------------------------------------------------------------

const imageOf = number => `/api/restore/${result.value.id}/pictures/${number}`;
const decibels = one => (typeof one.psnr === "number" ? `${one.psnr.toFixed(2)} dB${typeof one.ssim === "number" ? ` · SSIM ${one.ssim.toFixed(3)}` : ""}` : "");

function Compared() {
  const found = result.value, [left, right] = sides.value;
  const names = number => (found.methods[number] ? found.methods[number].name : number === found.whole?.[1] ? "model, whole" : "as given, whole");
  const small = Math.max(found.width, found.height) <= 96;
  const [wide, high] = right < found.methods.length ? found.part : [found.width, found.height];
  return html`<div class="compared">
    <div class=${small ? "slide coarse" : "slide"} style=${{ "--cut": `${cut.value}%`, "--ratio": String(wide / high) }}>
      <img src=${imageOf(right)} alt=${names(right)} />
      <img class="before" src=${imageOf(left)} alt=${names(left)} />
      <i class="line"></i>
      <span class="name">${names(left)}</span><span class="name other">${names(right)}</span>
      <input type="range" min="0" max="100" step="0.5" value=${cut.value} aria-label=${`How much of ${names(left)} is shown beside ${names(right)}`} onInput=${event => (cut.value = Number(event.target.value))} />
    </div>
    <p class="row"><b>${found.said}</b>
      <a class="button" href=${`/api/restore/${found.id}/file`} download>Save at full size (${found.width}×${found.height})</a>
      <button onClick=${() => (result.value = null)}>Back to the picture</button></p>
    ${found.notes.map(note => html`<p class="note">${note}</p>`)}
    <p class="row"><${Keep} title=${found.verb === "inpaint" ? "A part erased, and filled" : found.verb === "denoise" ? "Noise, and what is made of it" : "Made larger"} text=${() => `${names(left)[0].toUpperCase()}${names(left).slice(1)}, then by ${found.methods.map(one => `${one.name} ${decibels(one)}`.trim()).slice(1).join("; ")}.`} shown=${() => [...document.querySelectorAll(".ways .open img")].slice(0, found.methods.length)} /></p>
    <h3>${found.whole ? "By each method, of a part of the picture" : "By each method"}${found.methods.some(one => typeof one.psnr === "number") ? `; ${found.score}` : ""}</h3>
    <div class="tiles ways">
      ${found.methods.map((one, i) => html`<figure class=${i === right ? "tile chosen" : "tile"} key=${i}>
        <button class="open" title=${`${one.name} on the right`} aria-pressed=${i === right} onClick=${() => (sides.value = [left === i || left >= found.methods.length ? 0 : left, i])}><img class=${small ? "coarse" : ""} src=${imageOf(i)} alt=${one.name} /></button>
        <figcaption><span class="label">${one.name}</span><span class="away">${decibels(one)}</span></figcaption>
        <button class="other" aria-pressed=${i === left} onClick=${() => (sides.value = [i, right >= found.methods.length ? 1 : right])}>compare with it</button>
      </figure>`)}
      ${found.whole && found.whole[0] !== null && html`<figure class="tile"><button class="open" onClick=${() => (sides.value = found.whole)}><img src=${imageOf(found.whole[1])} alt="the whole picture" /></button><figcaption><span class="label">the whole picture</span></figcaption></figure>`}
    </div>
  </div>`;
}
