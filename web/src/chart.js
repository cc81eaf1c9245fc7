// Curves over epochs as SVG: training and validation of one run, or of several.
import { html } from "htm/preact";

const W = 720, H = 250, LEFT = 76, LOW = 30, TOP = 10, RIGHT = 12;

// curves: [{label, className, points: [[x, y], …]}]
export function Chart({ curves, title }) {
  const there = curves.filter(one => one.points.length);
  if (!there.length) return html`<p class="quiet">No epoch is over yet.</p>`;
  const [low, high] = range(there), last = Math.max(...there.map(one => one.points.at(-1)[0]), 1e-9);
  const first = Math.min(...there.map(one => one.points[0][0]), last);
  const x = value => LEFT + ((value - first) / (last - first || 1)) * (W - LEFT - RIGHT);
  const y = value => TOP + (1 - (Math.min(value, high) - low) / (high - low)) * (H - TOP - LOW);
  const label = `${title}: ${there.map(one => `${one.label} ${short(one.points.at(-1)[1])}`).join(", ")} at epoch ${short(last)}`;
  return html`<figure class="chart">
    <figcaption>${title} ${there.map(one => html`<span class=${`key ${one.className}`}><i></i>${one.label} <b>${short(one.points.at(-1)[1])}</b></span>`)}</figcaption>
    <svg viewBox=${`0 0 ${W} ${H}`} role="img" aria-label=${label}>
      ${ticks(low, high).map(value => html`<g class="tick"><line x1=${LEFT} x2=${W - RIGHT} y1=${y(value)} y2=${y(value)} /><text x=${LEFT - 8} y=${y(value) + 4} text-anchor="end">${short(value)}</text></g>`)}
      ${ticks(first, last).map(value => html`<text class="under" x=${x(value)} y=${H - 8} text-anchor="middle">${short(value)}</text>`)}
      ${there.map(one => html`<g class=${one.className}>
        <polyline points=${thinned(one.points).map(([a, b]) => `${x(a).toFixed(1)},${y(b).toFixed(1)}`).join(" ")} />
        <circle cx=${x(one.points.at(-1)[0])} cy=${y(one.points.at(-1)[1])} r="3.5" />
      </g>`)}
    </svg>
  </figure>`;
}

// early losses that dwarf the rest run out of the top
function range(curves) {
  const all = curves.flatMap(one => one.points.map(point => point[1]));
  const low = Math.min(...all);
  let high = Math.max(...all);
  const sorted = [...all].sort((a, b) => a - b), usual = sorted[Math.floor(0.85 * (sorted.length - 1))];
  if (all.length >= 16 && high > low + 5 * (usual - low) && usual > low) high = low + 3 * (usual - low);
  const rest = (high - low || Math.abs(high) || 1) * 0.06;
  return [low - rest, high + rest];
}

function ticks(low, high) {
  const rough = (high - low) / 4, ten = 10 ** Math.floor(Math.log10(rough || 1));
  const step = [1, 2, 5, 10].map(one => one * ten).find(one => one >= rough) ?? ten;
  const found = [];
  for (let value = Math.ceil(low / step) * step; value <= high && found.length < 12; value += step) found.push(Math.abs(value) < step / 1e6 ? 0 : value);
  return found;
}

function thinned(points) {
  const every = Math.ceil(points.length / 600);
  return points.filter((_, i) => i % every === 0 || i === points.length - 1);
}

export function short(value) {
  if (!Number.isFinite(value)) return "–";
  const text = Math.abs(value) >= 1000 ? Math.round(value).toLocaleString("en") : String(Number(value.toPrecision(4)));
  return text.replace("-", "−");
}
