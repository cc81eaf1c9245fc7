// Lesson: eight steps through what a code is, each a link into the room where it is done, and a handout of it.
import { signal } from "@preact/signals";
import { html } from "htm/preact";
import { useRef } from "preact/hooks";
import { pageOf, post, refresh, send } from "../api.js";
import { drop, kept } from "../handout.js";
import { saved } from "../pixels.js";
import { finished, say, server } from "../state.js";
import { STEPS } from "../steps.js";
import { Typed } from "../typed.js";

export const name = "lesson";
export const title = "Lesson";
export const line = "What a code is, in eight steps to show in class, and a handout with the pictures that were made on the way.";
export const needs = "nothing";

const making = signal(false);
const last = signal("");

async function handout() {
  making.value = true;
  try {
    const parts = [];
    for (const one of kept.value) parts.push({ upload: (await send("/api/uploads", one.blob)).upload, title: one.title, text: one.text });
    const answer = await post("/api/share", { what: "handout", parts });
    await refresh();
    await finished(answer.job);
    last.value = answer.file;
    saved(pageOf(answer.file));
  } catch (error) {
    say(error.message, "error");
  } finally {
    making.value = false;
  }
}

function take(files) {
  for (const file of [...files].slice(0, 24 - kept.value.length))
    kept.value = [...kept.value, { id: `${file.name} ${file.lastModified}`, title: file.name.replace(/\.[^.]*$/, "") || "A picture", text: "", blob: file, url: URL.createObjectURL(file) }];
}

export function view() {
  const input = useRef(null), some = kept.value, { missing } = server.value, why = missing.decoder || missing.model;
  const rename = (one, text) => (kept.value = some.map(other => (other === one ? { ...one, title: text } : other)));
  return html`<div class="review share lesson">
    <section class="question" aria-label="The lesson"><h2>A lesson in eight steps</h2><p class="quiet lead">${line}</p>
      ${why && html`<p class="warn">${why[0].toUpperCase()}${why.slice(1)}.</p>`}
      ${!server.value.rows && html`<p class="quiet small">The pictures are being read; steps that need them wait for that.</p>`}
    </section>
    <ol class="lesson-steps">
      ${STEPS.map(([to, heading, text]) => html`<li key=${to}><a href=${`#${to}`}>${heading}</a><p>${text}</p></li>`)}
      <li><b>The handout</b><p>One page to print, or to give away as a file: the pictures that you kept on the way, and at its end the model's own walk through its codes, beside the paper that its recipe is of. Add a figure of a paper, or one that <code>narrows reproduce</code> wrote, to have it beside.</p>
        ${some.length > 0 && html`<div class="kept">${some.map(one => html`<figure key=${one.id}><img src=${one.url} alt=${one.title} /><figcaption>
          <${Typed} type="text" maxlength="200" aria-label=${`Title of ${one.title}`} value=${one.title} take=${text => text.trim() && rename(one, text.trim())} />
          <button class="icon" aria-label=${`Remove ${one.title}`} onClick=${() => drop(one)}>×</button></figcaption></figure>`)}</div>`}
        <p class="row">
          <button class="main" disabled=${making.value || (!some.length && Boolean(why))} onClick=${handout}>${making.value ? "Being made …" : "Save the handout"}</button>
          <button disabled=${some.length >= 24} onClick=${() => input.current.click()}>Add a figure …</button>
          <input ref=${input} class="unseen" type="file" accept="image/*" multiple tabindex="-1" aria-label="Add figures to the handout" onChange=${event => { take(event.target.files); event.target.value = ""; }} />
          ${last.value && html`<a href=${pageOf(last.value)} download>Save it again</a>`}
        </p>
        ${!some.length && html`<p class="quiet small">Nothing is kept yet: each step has a button “Keep for the handout”.</p>`}
      </li>
    </ol>
  </div>`;
}
