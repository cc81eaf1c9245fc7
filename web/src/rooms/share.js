// Share: what is open as one file that works offline: a map of the selection, a morph, the model's card.
import { computed, signal } from "@preact/signals";
import { html } from "htm/preact";
import { useEffect } from "preact/hooks";
import { post, pageOf, refresh, told } from "../api.js";
import { saved } from "../pixels.js";
import { finished, go, key, say, selection, server, whenever } from "../state.js";

export const name = "share";
export const title = "Share";
export const line = "Take what you see along as one file: it opens in any browser, without a network and without Narrows.";
export const needs = "nothing";

const WHAT = [
  ["selection", "The selection", "A map of the selected pictures to move about in, with their names and classes."],
  ["morph", "A morph", "The way from picture to picture, 2 to 16 selected ones, in the order of the map."],
  ["model", "The model", "Its card: recipe, numbers beside PCA, reconstructions, samples, losses."],
];
const sizes = signal({}); // {selection, morph, model}: {why, bytes, decoder}
// what can be made depends on it; as text, since what the server says comes anew with every beat
const there = computed(() => JSON.stringify([server.value?.model, server.value?.missing]));
const making = signal("");
const last = signal(null); // {what, file, bytes}

const megabytes = bytes => (bytes < 1e5 ? `${Math.ceil(bytes / 1e3)} kB` : `${(bytes / 1e6).toFixed(1)} MB`);

export function view() {
  useEffect(() => whenever(() => [key.value, selection.value, there.value], ask), []);
  const many = selection.value.length;
  return html`<div class="review share"><section class="question" aria-label="What to share">
      <p class="quiet lead">${line}</p>
      <p class="row small"><span role="status">${many.toLocaleString("en")} selected</span>${server.value.rows && html`<button onClick=${() => go("map")}>Lasso on the map</button><button onClick=${() => go("search")}>Search</button>`}</p>
    </section>
    ${WHAT.map(([what, heading, text]) => html`<${One} key=${what} what=${what} heading=${heading} text=${text} />`)}
  </div>`;
}

// the answer to the newest question counts
let asked = 0;
async function ask() {
  const mine = ++asked, rows = [...selection.value].slice(0, 5000);
  const found = await Promise.all(WHAT.map(([what]) => told(post("/api/share/size", { what, rows }))));
  if (mine === asked) sizes.value = Object.fromEntries(WHAT.map(([what], i) => [what, found[i] ?? {}]));
}

async function make(what) {
  making.value = what;
  try {
    const answer = await post("/api/share", { what, rows: [...selection.value].slice(0, 5000) });
    await refresh();
    await finished(answer.job);
    last.value = { what, file: answer.file };
    saved(pageOf(answer.file));
  } catch (error) {
    say(error.message, "error");
  } finally {
    making.value = "";
  }
}

function One({ what, heading, text }) {
  const { why, bytes, decoder } = sizes.value[what] ?? {}, going = making.value === what, ready = sizes.value[what] && !why;
  const many = selection.value.length;
  return html`<section class="offer" aria-label=${heading}>
    <h2>${heading}</h2>
    <p>${text}${what === "morph" && decoder !== undefined ? (decoder ? " The decoder runs in the page, under sliders." : " As frames; with narrows[export] installed the decoder itself runs in the page.") : ""}</p>
    ${what === "selection" && many > 5000 && html`<p class="quiet small">Of ${many.toLocaleString("en")} selected the first 5,000 are taken.</p>`}
    ${why && html`<p class="quiet small why">${why[0].toUpperCase()}${why.slice(1)}.</p>`}
    <p class="row">
      <button class="main" disabled=${!ready || making.value !== ""} onClick=${() => make(what)}>${going ? "Being made …" : "Save as one file"}</button>
      ${ready && bytes ? html`<span class="quiet small">about ${megabytes(bytes)}</span>` : null}
      ${last.value?.what === what && html`<a href=${pageOf(last.value.file)} download>Save it again</a>`}
    </p>
  </section>`;
}
