// Runs the script of a map's page against a stub of a browser, and prints what came of it as JSON.
"use strict";
const text = require("fs").readFileSync(process.argv[2], "utf8");
let dots = 0, frames = [], now = 0;
function element() {
  return {
    children: [], style: {}, attributes: {}, heard: {},
    classList: { add() {}, remove() {}, toggle() {} },
    append(...more) { this.children.push(...more); },
    setAttribute(key, value) { this.attributes[key] = value; },
    addEventListener(kind, f) { this.heard[kind] = f; },
    setPointerCapture() {},
    getBoundingClientRect() { return { width: 100, height: 100 }; },
    querySelectorAll() { return this.children.slice(1); },
    getContext() {
      return {
        setTransform() {}, clearRect() {}, fillRect() { dots++; }, drawImage() { dots++; },
        beginPath() {}, arc() {}, stroke() {}, fill() {},
      };
    },
  };
}
const known = {};
for (const id of ["map", "data", "maps", "note", "legend", "count", "whole", "card"]) known[id] = element();
known.data.textContent = text.split('id="data">')[1].split("</script>")[0];
known.card.children = [element(), element(), element()];
global.document = { getElementById: id => known[id], createElement: element, body: {} };
global.window = { devicePixelRatio: 1 };
global.innerWidth = 1200;
global.innerHeight = 800;
global.addEventListener = () => {};
global.performance = { now: () => now };
global.requestAnimationFrame = f => frames.push(f);
global.getComputedStyle = () => ({ color: "black" });
global.Image = function () { this.complete = true; this.addEventListener = () => {}; };
function frame(later) { now += later; dots = 0; frames.splice(0).forEach(f => f(now)); return dots; }

const script = text.split("<script>")[1].split("</script>")[0];
const inside = new Function(script + "; return { nearest, maps, place: () => [left, top_, scale] };")();
const said = { drawn: frame(0), maps: known.maps.children.length, legend: known.legend.children.length };
const [left, above, scale] = inside.place();
const [x, y] = [left + scale * inside.maps[0].xy[20], above + scale * inside.maps[0].xy[21]];
said.nearest = inside.nearest(x, y);
known.map.heard.pointermove({ pointerId: 1, clientX: x, clientY: y });
said.name = known.card.children[1].textContent;
said.label = known.card.children[2].textContent;
known.map.heard.wheel({ preventDefault() {}, deltaMode: 0, deltaY: -100, clientX: x, clientY: y });
known.map.heard.keydown({ preventDefault() {}, key: "0" });
known.maps.children[1].heard.click();
for (let i = 0; i < 4; i++) frame(300);
said.pressed = known.maps.children.map(button => button.attributes["aria-pressed"]);
known.legend.children[1].heard.click();
said.alone = frame(10);
known.legend.children[1].heard.click();
for (let i = 0; i < 4; i++)
  known.map.heard.wheel({ preventDefault() {}, deltaMode: 0, deltaY: -100, clientX: x, clientY: y });
frame(10);
const [l1, t1, s1] = inside.place(), kept = [];
for (let i = 0; i < 40; i++) {
  const [px, py] = [l1 + s1 * inside.maps[1].xy[2 * i], t1 + s1 * inside.maps[1].xy[2 * i + 1]];
  if (px > 0 && px < 1200 && py > 0 && py < 800) kept.push(i);
}
known.maps.children[0].heard.click();
for (let i = 0; i < 4; i++) frame(300);
const [l2, t2, s2] = inside.place();
said.followed = s1 > scale && kept.length > 0 && kept.length < 30 && kept.every(i => {
  const [px, py] = [l2 + s2 * inside.maps[0].xy[2 * i], t2 + s2 * inside.maps[0].xy[2 * i + 1]];
  return px > -1 && px < 1201 && py > -1 && py < 801;
});
console.log(JSON.stringify(said));
