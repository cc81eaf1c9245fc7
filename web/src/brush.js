// A pen, a finger or keys on a canvas: drag paints; arrow keys move, Space paints. What is used: how wide it is (a
// share of the longer side), its colour, whether it rubs out; painted is told of every stroke, begun of the first of a drag.
export function paintOn(canvas, dot, { width: share, colour, rub, painted, begun = () => {} }) {
  const pen = canvas.getContext("2d");
  let last = null, at = [canvas.width / 2, canvas.height / 2];
  const width = () => share() * Math.max(canvas.width, canvas.height);
  const place = event => {
    const area = canvas.getBoundingClientRect();
    return [((event.clientX - area.left) / area.width) * canvas.width, ((event.clientY - area.top) / area.height) * canvas.height];
  };
  const stroke = to => {
    pen.globalCompositeOperation = rub() ? "destination-out" : "source-over";
    pen.strokeStyle = colour();
    pen.lineWidth = Math.max(1, width());
    pen.lineCap = pen.lineJoin = "round";
    pen.beginPath();
    pen.moveTo(...(last ?? to));
    pen.lineTo(to[0] + 0.01, to[1]);
    pen.stroke();
    last = at = to;
    painted();
  };
  const point = () => {
    const area = canvas.getBoundingClientRect(), scale = area.width / canvas.width, side = Math.max(4, width() * scale);
    dot.hidden = false;
    Object.assign(dot.style, { width: `${side}px`, height: `${side}px`, left: `${at[0] * scale - side / 2}px`, top: `${at[1] * scale - side / 2}px` });
  };
  const on = {
    pointerdown: event => { canvas.setPointerCapture(event.pointerId); last = null; begun(); stroke(place(event)); },
    pointermove: event => {
      at = place(event);
      point();
      if (event.buttons & 1) for (const one of event.getCoalescedEvents?.() ?? [event]) stroke(place(one));
    },
    pointerup: () => { last = null; },
    pointerleave: () => { dot.hidden = true; },
    focus: point,
    keydown: event => {
      const step = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
      if (!step && event.key !== " ") return;
      event.preventDefault();
      last = null;
      const by = Math.max(1, width() / 2);
      if (step) at = [Math.min(canvas.width, Math.max(0, at[0] + by * step[0])), Math.min(canvas.height, Math.max(0, at[1] + by * step[1]))];
      if (!step || event.shiftKey) { begun(); stroke(at); }
      point();
    },
  };
  for (const [kind, hand] of Object.entries(on)) canvas.addEventListener(kind, hand);
  return () => {
    for (const [kind, hand] of Object.entries(on)) canvas.removeEventListener(kind, hand);
  };
}
