// A map that stands alone: the plane of the studio, with all that it shows in the page itself.
import { Plane } from "./plane.js";

const D = JSON.parse(document.getElementById("data").textContent);
const N = D.n, at = id => document.getElementById(id);
const bytes = text => Uint8Array.from(atob(text), c => c.charCodeAt(0));
const maps = D.maps.map(map => {
  const raw = new Uint16Array(bytes(map.points).buffer), x = new Uint16Array(N), y = new Uint16Array(N);
  for (let i = 0; i < N; i++) (x[i] = raw[2 * i]), (y[i] = raw[2 * i + 1]);
  return { name: map.name, note: map.note, x, y };
});
let shown = -1;

const plane = (globalThis.narrowsPlane = new Plane(at("map"), {
  hover: show,
  pick: (row, event) => {
    if (D.root === null || row < 0 || event.pointerType === "touch") return;
    window.open(`${D.root}/${D.names[row].split("/").map(encodeURIComponent).join("/")}`, "_blank");
  },
  lasso: () => {},
  way: () => {},
}));
plane.pad = [96, 28, 44, 28];
plane.plain = true; // no tools: a drag moves, whatever key is held
plane.canvas.setAttribute("role", "img");
plane.canvas.setAttribute("aria-label", at("map").dataset.title);

// a sheet of thumbnails is decoded when one of its pictures is first shown
async function sheet(number) {
  const image = new Image();
  image.src = `data:image/jpeg;base64,${D.sheets[number]}`;
  await image.decode();
  return image;
}

const card = at("card"), [view, name, label] = card.children, per = D.across * D.across;
async function show(row, x, y) {
  if (row < 0) {
    card.style.display = "none";
    return;
  }
  name.textContent = D.names[row];
  label.textContent = D.labels ? `${D.label ? `${D.label}: ` : ""}${D.labels[row] || "–"}` : "";
  const [w, h] = D.size, k = Math.max(1, Math.round(128 / Math.max(w, h)));
  Object.assign(view.style, { width: `${w * k}px`, height: `${h * k}px` });
  card.style.display = "block";
  const box = card.getBoundingClientRect();
  card.style.left = `${x + 18 + box.width > plane.width ? x - 18 - box.width : x + 18}px`;
  card.style.top = `${Math.max(8, Math.min(y + 14, plane.height - box.height - 8))}px`;
  const image = await sheet(Math.floor(row / per)), j = row % per;
  if (plane.over !== row) return;
  Object.assign(view, { width: w, height: h });
  view.getContext("2d").drawImage(image, (j % D.across) * w, Math.floor(j / D.across) * h, w, h, 0, 0, w, h);
}

// the points in view stay in view, wherever the other map has them
function follow({ x, y }) {
  let count = 0, seen = 0, x0 = 1, x1 = 0, y0 = 1, y1 = 0;
  for (let i = 0; i < N; i++) if (plane.shows(i)) seen++;
  plane.inView(0, (i, px, py) => {
    if (px < 0 || py < 0 || px > plane.width || py > plane.height) return;
    count++;
    const u = x[i] / 65535, v = y[i] / 65535;
    x0 = Math.min(x0, u), x1 = Math.max(x1, u), y0 = Math.min(y0, v), y1 = Math.max(y1, v);
  });
  if (!count || count > 0.9 * seen) return () => plane.fit();
  const most = Math.min(plane.width, plane.height) * 400;
  const scale = Math.min(most, (plane.width - 160) / Math.max(x1 - x0, 0.02), (plane.height - 220) / Math.max(y1 - y0, 0.02));
  return () => Object.assign(plane, {
    scale, left: plane.width / 2 - (scale * (x0 + x1)) / 2, top: 48 + plane.height / 2 - (scale * (y0 + y1)) / 2,
  });
}
function choose(k) {
  const moved = shown < 0 || k === shown ? () => {} : follow(maps[k]);
  plane.points({ ...maps[k], side: Math.max(...D.size), size: D.size, across: D.across, sheet, same: shown >= 0 });
  moved();
  shown = k;
  plane.hover(-1);
  at("note").textContent = maps[k].note;
  [...at("maps").children].forEach((b, i) => b.setAttribute("aria-pressed", i === k));
}

const made = (kind, text = "") => Object.assign(document.createElement(kind), { textContent: text });
maps.forEach((map, k) => {
  const b = made("button", map.name);
  b.addEventListener("click", () => choose(k));
  at("maps").append(b);
});
at("whole").addEventListener("click", () => plane.fit());
at("look").addEventListener("click", () => {
  at("look").textContent = plane.look;
  plane.look = plane.look === "dots" ? "pictures" : "dots";
  plane.ask();
});
if (D.root !== null) at("opens").textContent = ", click to open a file";
at("count").textContent = `${N.toLocaleString("en")} pictures`;

const legend = at("legend");
if (D.classes.length) legend.append(made("b", D.label));
if (D.scale) {
  const bar = made("div"), ends = made("div");
  bar.id = "bar";
  ends.id = "ends";
  bar.style.background = `linear-gradient(to right,${D.colours.slice(0, -1).join(",")})`;
  ends.append(...D.scale.map(end => made("span", Number(end.toPrecision(4)).toString())));
  legend.append(bar, ends);
} else
  D.classes.forEach((text, c) => {
    const b = made("button"), i = made("i");
    i.style.background = D.colours[c];
    b.append(i, made("span", text));
    b.title = "click: only this one; click again: all";
    b.addEventListener("click", () => {
      plane.isolate(c);
      [...legend.querySelectorAll("button")].forEach((other, k) => other.classList.toggle("off", !!plane.hidden[k]));
    });
    legend.append(b);
  });
choose(0);
plane.colour(bytes(D.which), D.colours);
