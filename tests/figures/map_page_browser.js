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
    getBoundingClientRect() { return { left: 0, top: 0, width: 100, height: 100 }; },
    querySelectorAll() { return this.children.slice(1); },
    dataset: {}, clientWidth: 1200, clientHeight: 800, remove() {},
    getContext() {
      return {
        setTransform() {}, clearRect() {}, fillRect() { dots++; }, drawImage() { dots++; },
        beginPath() {}, arc() {}, stroke() {}, fill() {}, strokeRect() {},
      };
    },
  };
}
const known = {};
for (const id of ["map", "data", "maps", "note", "legend", "count", "whole", "look", "card"]) known[id] = element();
known.data.textContent = text.split('id="data">')[1].split("</script>")[0];
known.card.children = [element(), element(), element()];
global.document = { getElementById: id => known[id], createElement: element, body: {} };
global.devicePixelRatio = 1;
global.ResizeObserver = function (changed) { this.observe = () => changed(); };
global.matchMedia = () => ({ matches: false, addEventListener() {} });
Object.defineProperty(global, "performance", { value: { now: () => now } });
global.requestAnimationFrame = f => frames.push(f);
global.getComputedStyle = () => ({ getPropertyValue: () => "black" });
global.Image = function () { this.decode = async () => {}; };
function frame(later) { now += later; dots = 0; frames.splice(0).forEach(f => f(now)); return dots; }

const script = text.split("<script>")[1].split("</script>")[0];
new Function(script)();
const plane = global.narrowsPlane, hand = plane.canvas.heard, places = [plane.to];
known.look.heard.click(); // dots: each of them is drawn once
const said = { drawn: frame(0), maps: known.maps.children.length, legend: known.legend.children.length };
const { left, top, scale } = plane;
const [x, y] = plane.placeOf(10);
said.nearest = plane.nearest(x, y);
hand.pointermove({ pointerId: 1, clientX: x, clientY: y });
said.name = known.card.children[1].textContent;
said.label = known.card.children[2].textContent;
const away = { preventDefault() {}, deltaMode: 0, deltaY: -100, clientX: x, clientY: y };
hand.wheel(away);
hand.keydown({ preventDefault() {}, key: "0" });
known.maps.children[1].heard.click();
places.push(plane.to);
for (let i = 0; i < 4; i++) frame(300);
said.pressed = known.maps.children.map(button => button.attributes["aria-pressed"]);
known.legend.children[1].heard.click();
said.alone = frame(10);
known.legend.children[1].heard.click();
for (let i = 0; i < 4; i++) hand.wheel(away);
frame(10);
const inView = xy => {
  const found = [];
  for (let i = 0; i < 40; i++) {
    const px = plane.left + plane.scale * xy[2 * i], py = plane.top + plane.scale * xy[2 * i + 1];
    if (px > -1 && px < 1201 && py > -1 && py < 801) found.push(i);
  }
  return found;
};
const kept = inView(places[1]), closer = plane.scale > scale;
known.maps.children[0].heard.click();
for (let i = 0; i < 4; i++) frame(300);
said.followed = closer && kept.length > 0 && kept.length < 30 && kept.every(i => inView(places[0]).includes(i));
// pictures where they fit: each point in one cell, and none is drawn twice
known.look.heard.click();
hand.keydown({ preventDefault() {}, key: "0" });
frame(10);
said.pictured = plane.cells.size === new Set(plane.cells.values()).size && plane.cells.size;
console.log(JSON.stringify(said));
