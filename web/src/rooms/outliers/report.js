// The queue on paper: threshold, counts, pictures beside their heat; the browser prints it, also to PDF.
import { html } from "htm/preact";
import { useEffect, useState } from "preact/hooks";
import { pictureOf, postColumns, told } from "../../api.js";
import { Pixels } from "../../pixels.js";
import { server } from "../../state.js";

const MOST = 60, FEW = 8, AT_ONCE = 30;
const WORDS = ["", "anomaly", "normal"];
const share = (n, of) => (of ? `${((100 * n) / of).toLocaleString("en", { maximumSignificantDigits: 3 })} %` : "–");
const short = (value, digits = 4) => Number(value.toPrecision(digits)).toString();

export function Report({ queue, above, threshold, counts, verdicts, alarms, back, save }) {
  const [shown, setShown] = useState(null), [saving, setSaving] = useState(false);
  const n = Math.min(queue.rows.length, MOST, Math.max(above, FEW));
  useEffect(() => {
    let gone = false;
    void (async () => {
      const all = [];
      for (let start = 0; start < n && queue.decodes; start += AT_ONCE) {
        const rows = [...queue.rows.slice(start, Math.min(n, start + AT_ONCE))];
        const made = await told(postColumns("/api/outliers/sheet", { rows }));
        if (!made || gone) return;
        const [, h, w] = made.shapes.hot, of = (name, i) => made[name].subarray(4 * i * h * w, 4 * (i + 1) * h * w);
        all.push(...rows.map((row, i) => ({ id: made.ids[i], given: of("given", i), hot: of("hot", i), shape: [1, h, w] })));
      }
      if (!gone) setShown(all);
    })();
    return () => { gone = true; };
  }, [queue, n]);
  const { all, flagged } = counts, looked = all.anomaly + all.normal;
  const whole = async () => { setSaving(true); await save(); setSaving(false); };
  return html`<article class="report" aria-label="Report">
    <p class="row unprinted"><button onClick=${back}>Back to the queue</button>
      <button class="main" disabled=${!shown} onClick=${() => print()}>Print, or save as PDF</button>
      <button disabled=${saving} onClick=${whole}>${saving ? "Being made …" : "Save as one file"}</button></p>
    <h2>Outliers of ${server.value.title}</h2>
    <p class="quiet">${new Date().toLocaleString()} · Narrows</p>
    <dl class="facts">
      <dt>score</dt><dd>${queue.by}</dd><dt>threshold</dt><dd>${short(threshold)}</dd>
      <dt>above the threshold</dt><dd>${above.toLocaleString("en")} of ${queue.scores.length.toLocaleString("en")}</dd>
      <dt>normal pictures above it</dt><dd>${share(alarms, queue.normal.length)} of ${queue.normal.length.toLocaleString("en")} (${queue.judged})</dd>
      ${looked > 0 && html`<dt>looked at</dt><dd>${looked}: ${flagged.anomaly} anomalies found, ${all.anomaly - flagged.anomaly} missed; ${flagged.normal} false alarms, ${all.normal - flagged.normal} passed</dd>
      <dt>precision, recall</dt><dd>${share(flagged.anomaly, flagged.anomaly + flagged.normal)}, ${share(flagged.anomaly, all.anomaly)}</dd>`}
    </dl>
    ${!shown && queue.decodes && html`<p class="quiet" role="status">The heat is being drawn.</p>`}
    <div class="sheet-of">${Array.from({ length: n }, (_, place) => {
      const one = shown?.[place];
      return html`<figure key=${queue.rows[place]}>
        ${one ? html`<div class="two"><${Pixels} pixels=${one.given} shape=${one.shape} label=${one.id} /><${Pixels} pixels=${one.hot} shape=${one.shape} label=${`heat of ${one.id}`} /></div>` : html`<img src=${pictureOf(queue.rows[place])} alt=${`number ${place + 1}`} loading="eager" />`}
        <figcaption><b>${place + 1}</b> ${one?.id ?? ""} · ${short(queue.scores[place])} · p ${short(queue.p[place], 2)}${verdicts[place] ? ` · ${WORDS[verdicts[place]]}` : ""}${place < above ? "" : " · below the threshold"}</figcaption></figure>`;
    })}</div>
    ${n < above && html`<p class="quiet">The first ${n} of ${above.toLocaleString("en")} above the threshold; the CSV has all.</p>`}
  </article>`;
}
