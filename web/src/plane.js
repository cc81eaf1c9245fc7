// The plane of the map: points on a canvas, pictures in their place wherever they fit.
//
//   x, y (uint16) ──bins──► what is in view ──► one picture for each cell of the screen
//                                          └──► dots, round ones or, where there are many, pixels
//
// It knows no server and no framework: sheets of thumbnails come from a function that promises an image, what
// a person does goes out through functions. The studio's map and the page that `narrows map` writes stand on it.

const MANY = 20_000; // points from which dots are pixels
const FAR = 250_000; // points in view above which there are no pictures
const SHEETS = 480 << 20; // bytes of decoded sheets that are kept
const PER = 1024;

export class Plane {
  constructor(host, tell) {
    this.host = host;
    this.tell = tell; // hover(row, x, y), pick(row, event), lasso(rows, event), way(first, last, done)
    this.canvas = document.createElement("canvas");
    this.canvas.tabIndex = 0;
    this.canvas.className = "plane";
    host.append(this.canvas);
    this.pen = this.canvas.getContext("2d");
    this.n = 0;
    this.scale = 1;
    this.left = this.top = 0;
    this.width = this.height = 0;
    this.pad = [16, 16, 16, 16]; // top, right, bottom, left: what lies over the plane
    this.tool = "move";
    this.look = "pictures";
    this.over = -1;
    this.pinned = -1;
    this.sheets = new Map();
    this.grids = new Map();
    this.cells = new Map(); // of the last frame: cell → row, where there are pictures
    this.passing = null; // Uint8Array, 1 for rows that are shown; null for all
    this.chosen = null; // Uint8Array, 1 for rows that are selected; null for none
    this.hidden = new Uint8Array(256); // colours that are switched off
    this.which = null;
    this.colours = ["#1f6fb4"];
    this.fingers = new Map();
    this.trail = null; // the lasso, or the way from one picture to another
    this.asked = false;
    this.frames = 0;
    this.watch = new ResizeObserver(() => this.resize());
    this.watch.observe(host);
    const dark = (this.dark = matchMedia("(prefers-color-scheme: dark)"));
    dark.addEventListener("change", (this.again = () => this.ask()));
    this.listen();
  }

  close() {
    this.watch.disconnect();
    this.dark.removeEventListener("change", this.again);
    this.canvas.remove();
  }

  // ---- what is shown -------------------------------------------------------------------------

  // x, y: Uint16Array(n). With as many points as before they travel to their new places.
  points({ x, y, side, size = [side, side], across, sheet, same }) {
    const n = x.length, xy = new Float32Array(2 * n);
    let x0 = 1, y0 = 1, x1 = 0, y1 = 0;
    for (let i = 0; i < n; i++) {
      const u = (xy[2 * i] = x[i] / 65535), v = (xy[2 * i + 1] = y[i] / 65535);
      x0 = Math.min(x0, u), x1 = Math.max(x1, u), y0 = Math.min(y0, v), y1 = Math.max(y1, v);
    }
    this.extent = [x0, y0, x1, y1];
    const travels = same && n === this.n && n <= MANY && !matchMedia("(prefers-reduced-motion: reduce)").matches;
    this.from = travels ? this.xy.slice() : null;
    this.to = xy;
    this.xy = travels ? this.xy.slice() : xy;
    this.began = performance.now();
    if (!same || n !== this.n) {
      this.sheets.clear();
      this.priority = shuffledNumbers(n);
      this.which = this.which?.length === n ? this.which : new Uint8Array(n);
    }
    this.n = n;
    Object.assign(this, { side, size, across, sheet });
    this.bins = binned(xy);
    this.grids.clear();
    this.tints = null;
    if (!same) this.fit();
    this.ask();
  }

  colour(which, colours) {
    this.which = which;
    this.colours = colours;
    this.hidden = new Uint8Array(256);
    this.recolour();
  }
  recolour() {
    this.grids.clear();
    this.tints = null;
    this.stamps = null;
    this.ask();
  }
  isolate(number) {
    const alone = this.hidden.some((off, i) => i < this.colours.length && i !== number && off) && !this.hidden[number];
    this.hidden.fill(alone ? 0 : 1);
    if (!alone) this.hidden[number] = 0;
    this.recolour();
  }
  filter(passing) {
    this.passing = passing;
    this.recolour();
  }
  select(rows) {
    this.chosen = null;
    if (rows.length) {
      this.chosen = new Uint8Array(this.n);
      for (const row of rows) this.chosen[row] = 1;
    }
    this.recolour();
  }
  shows(i) {
    return !(this.hidden[this.which[i]] || (this.passing && !this.passing[i]));
  }
  placeOf(i) {
    return [this.left + this.scale * this.xy[2 * i], this.top + this.scale * this.xy[2 * i + 1]];
  }

  // ---- where we look -------------------------------------------------------------------------

  fit() {
    const [t, r, b, l] = this.pad, wide = this.width - l - r, high = this.height - t - b;
    const [x0, y0, x1, y1] = this.n ? this.extent : [0, 0, 1, 1];
    this.scale = Math.max(60, Math.min(wide / Math.max(x1 - x0, 0.05), high / Math.max(y1 - y0, 0.05)));
    this.left = l + wide / 2 - (this.scale * (x0 + x1)) / 2;
    this.top = t + high / 2 - (this.scale * (y0 + y1)) / 2;
    this.ask();
  }
  resize() {
    const before = this.width;
    this.ratio = devicePixelRatio || 1;
    this.width = this.host.clientWidth;
    this.height = this.host.clientHeight;
    this.canvas.width = Math.round(this.width * this.ratio);
    this.canvas.height = Math.round(this.height * this.ratio);
    this.pixels = null;
    this.stamps = null;
    if (!before) this.fit();
    else this.ask();
  }
  zoom(x, y, by) {
    const whole = Math.min(this.width, this.height);
    const next = Math.min(whole * 2000, Math.max(whole / 4, this.scale * by));
    this.left = x - ((x - this.left) * next) / this.scale;
    this.top = y - ((y - this.top) * next) / this.scale;
    this.scale = next;
    this.ask();
  }
  show(row) {
    const whole = Math.min(this.width, this.height);
    this.scale = Math.max(this.scale, 3 * whole);
    this.left = this.width / 2 - this.scale * this.xy[2 * row];
    this.top = this.height / 2 - this.scale * this.xy[2 * row + 1];
    this.ask();
  }

  // f(i, x, y) for every point that is shown and at most so far outside
  inView(margin, f) {
    const { first, items, across } = this.bins, { xy, scale, left, top } = this;
    const bin = v => Math.min(across - 1, Math.max(0, Math.floor(v * across)));
    const u0 = bin((-margin - left) / scale), u1 = bin((this.width + margin - left) / scale);
    const v0 = bin((-margin - top) / scale), v1 = bin((this.height + margin - top) / scale);
    for (let v = v0; v <= v1; v++)
      for (let k = first[v * across + u0], end = first[v * across + u1 + 1]; k < end; k++) {
        const i = items[k];
        if (!this.shows(i)) continue;
        f(i, left + scale * xy[2 * i], top + scale * xy[2 * i + 1]);
      }
  }
  inViewCount() {
    const { first, across } = this.bins, { scale, left, top } = this;
    const bin = v => Math.min(across - 1, Math.max(0, Math.floor(v * across)));
    const u0 = bin(-left / scale), u1 = bin((this.width - left) / scale);
    let count = 0;
    for (let v = bin(-top / scale), v1 = bin((this.height - top) / scale); v <= v1; v++)
      count += first[v * across + u1 + 1] - first[v * across + u0];
    return count;
  }

  // ---- drawing -------------------------------------------------------------------------------

  ask() {
    if (this.asked || !this.n || !this.width) return;
    this.asked = true;
    requestAnimationFrame(now => this.draw(now));
  }
  draw(now) {
    this.asked = false;
    this.frames++;
    const began = performance.now();
    if (this.from) {
      const t = Math.min(1, Math.max(0, (now - this.began) / 600)), s = t * t * (3 - 2 * t);
      if (t < 1) {
        for (let i = 0; i < this.xy.length; i++) this.xy[i] = this.from[i] + s * (this.to[i] - this.from[i]);
        this.ask();
      } else {
        this.xy = this.to;
        this.from = null;
      }
    }
    const style = getComputedStyle(this.host);
    this.ink = style.getPropertyValue("--ink");
    this.accent = style.getPropertyValue("--accent");
    this.paper = style.getPropertyValue("--paper");
    const { pen } = this;
    pen.setTransform(this.ratio, 0, 0, this.ratio, 0, 0);
    pen.clearRect(0, 0, this.width, this.height);
    this.cells.clear();
    const pictures = this.look === "pictures" && !this.from && this.inViewCount() <= FAR;
    if (pictures) this.drawPictures();
    else this.drawDots();
    this.drawMarks(pictures);
    this.took = performance.now() - began;
  }

  // One picture for each cell: cells are of powers of two in the plane, so that they stay when it moves,
  // and the picture of a cell is the picture of one of its four parts, so that it stays when it grows.
  drawPictures() {
    const { pen, scale, left, top } = this;
    const least = this.side > 40 ? 34 : 26;
    const parts = 2 ** Math.floor(Math.log2(scale / least)), cell = scale / parts;
    const { best, many, columns, column0, row0 } = this.grid(parts, cell);
    const inside = (w, o) => Math.floor((w - o) / cell);
    const u1 = inside(this.width, left), v1 = inside(this.height, top);
    for (let v = Math.max(row0, inside(0, top)); v <= v1; v++)
      for (let u = Math.max(column0, inside(0, left)), at = (v - row0) * columns + u - column0; u <= u1; u++, at++) {
        if (u - column0 >= columns || at >= best.length) break;
        if (best[at] >= 0) this.cells.set(at, best[at]);
      }
    const of = (x, y) => (inside(y, top) - row0) * columns + inside(x, left) - column0;
    this.cell = cell;
    this.at = (x, y) => this.cells.get(of(x, y));
    const colours = this.colours.length > 1, edge = colours ? Math.max(1.5, cell * 0.045) : 0;
    const wanted = [];
    for (const [at, i] of this.cells) {
      const s = cell * (many[at] > 1 ? 0.92 : 0.8), v = Math.floor(at / columns), u = at - v * columns;
      const x0 = left + (u + column0) * cell + (cell - s) / 2, y0 = top + (v + row0) * cell + (cell - s) / 2;
      pen.globalAlpha = this.chosen && !this.chosen[i] ? 0.25 : 1;
      const number = Math.floor(i / PER), image = this.picture(number, wanted), j = i % PER;
      if (edge) {
        pen.fillStyle = this.colours[this.which[i]];
        pen.fillRect(x0 - edge, y0 - edge, s + 2 * edge, s + 2 * edge);
        pen.fillStyle = this.paper;
        pen.fillRect(x0, y0, s, s);
      }
      if (!image) {
        if (!edge) {
          pen.fillStyle = this.colours[this.which[i]];
          pen.globalAlpha *= 0.4;
          pen.fillRect(x0, y0, s, s);
        }
        continue;
      }
      pen.imageSmoothingEnabled = s < this.side || this.side > 40;
      const [w, h] = this.size, k = s / Math.max(w, h);
      pen.drawImage(image, (j % this.across) * w, Math.floor(j / this.across) * h, w, h, x0 + (s - k * w) / 2, y0 + (s - k * h) / 2, k * w, k * h);
    }
    pen.globalAlpha = 1;
    this.fetch(wanted);
  }
  // The picture of each cell, and how many points it holds: of the whole plane, once for each size of cells and
  // whatever is shown; of small cells those in view, each time.
  grid(parts, cell) {
    const { left, top } = this, whole = parts < 1024;
    if (whole && this.grids.has(parts)) return this.grids.get(parts);
    const columns = whole ? parts + 1 : Math.ceil(this.width / cell) + 4;
    const rows = whole ? parts + 1 : Math.ceil(this.height / cell) + 4;
    const column0 = whole ? 0 : Math.floor(-left / cell) - 1, row0 = whole ? 0 : Math.floor(-top / cell) - 1;
    const best = new Int32Array(columns * rows).fill(-1), many = new Uint32Array(columns * rows);
    const put = (i, u, v) => {
      const at = (Math.floor(v * parts) - row0) * columns + Math.floor(u * parts) - column0;
      many[at]++;
      if (best[at] < 0 || this.rank(i) < this.rank(best[at])) best[at] = i;
    };
    const { xy } = this, made = { best, many, columns, column0, row0 };
    if (!whole) this.inView(cell, i => put(i, xy[2 * i], xy[2 * i + 1]));
    else {
      for (let i = 0; i < this.n; i++) if (this.shows(i)) put(i, xy[2 * i], xy[2 * i + 1]);
      this.grids.set(parts, made);
    }
    return made;
  }
  rank(i) {
    return this.chosen && this.chosen[i] ? this.priority[i] - 2 ** 32 : this.priority[i];
  }

  // the sheet as an image, or null while it is on its way
  picture(number, wanted) {
    const kept = this.sheets.get(number);
    if (!kept) {
      if (!wanted.includes(number)) wanted.push(number);
      return null;
    }
    kept.used = this.frames;
    return kept.ready ? kept.image : null;
  }
  fetch(wanted) {
    let going = 0;
    for (const one of this.sheets.values()) going += one.ready || one.failed ? 0 : 1;
    for (const number of wanted.slice(0, Math.max(0, 8 - going))) {
      const one = { image: null, ready: false, failed: false, used: this.frames };
      this.sheets.set(number, one);
      const arrived = async () => {
        one.image = await this.sheet(number);
        one.ready = true;
      };
      arrived()
        .catch(() => {
          one.failed = true;
          setTimeout(() => this.sheets.delete(number), 4000); // asked again when it is seen again
        })
        .finally(() => this.ask());
    }
    const bytes = 4 * (this.side * this.across) ** 2;
    if (this.sheets.size * bytes <= SHEETS) return;
    const old = [...this.sheets].filter(([, one]) => one.ready).sort(([, a], [, b]) => a.used - b.used);
    for (const [number, one] of old) {
      if (this.sheets.size * bytes <= SHEETS || one.used === this.frames) break;
      one.image.close?.();
      this.sheets.delete(number);
    }
  }

  drawDots() {
    const { pen, n } = this, zoom = this.scale / Math.min(this.width, this.height);
    const r = Math.min(8, Math.max(0.9, (n < 3000 ? 3.4 : n < 20000 ? 2.3 : 1.2) * zoom ** 0.35));
    if (n > MANY && r < 4) return this.drawPixels(r);
    if (this.stamps?.r !== r) this.stamps = { r, all: this.colours.map(colour => this.stamp(colour, r)) };
    this.inView(9, (i, x, y) => {
      pen.globalAlpha = this.chosen && !this.chosen[i] ? 0.12 : 0.85;
      pen.drawImage(this.stamps.all[this.which[i]], x - r - 1, y - r - 1, 2 * r + 2, 2 * r + 2);
    });
    pen.globalAlpha = 1;
  }
  // Squares straight into the pixels: a million of them take some ten milliseconds, on any machine.
  drawPixels(r) {
    const { ratio } = this, wide = this.canvas.width, high = this.canvas.height;
    this.pixels ??= new ImageData(wide, high);
    const pixels = new Uint32Array(this.pixels.data.buffer), side = Math.max(1, Math.round(2 * r * ratio));
    pixels.fill(0);
    this.tints ??= this.tinted();
    const { first, across, placed } = this.bins, { tints, scale, left, top } = this;
    const bin = v => Math.min(across - 1, Math.max(0, Math.floor(v * across)));
    const u0 = bin(-left / scale), u1 = bin((this.width - left) / scale);
    const v0 = bin(-top / scale), v1 = bin((this.height - top) / scale);
    const k0 = scale * ratio, x0 = left * ratio - side / 2 + 0.5, y0 = top * ratio - side / 2 + 0.5;
    const most = wide - side, lowest = high - side;
    for (let pass = this.chosen ? 0 : 1; pass < 2; pass++)
      for (let v = v0; v <= v1; v++)
        for (let k = first[v * across + u0], end = first[v * across + u1 + 1]; k < end; k++) {
          const tint = tints[k];
          if (tint === 0 || (this.chosen && tint >>> 24 > 100 !== (pass === 1))) continue;
          const x = (x0 + k0 * placed[2 * k]) | 0, y = (y0 + k0 * placed[2 * k + 1]) | 0;
          if (x < 0 || y < 0 || x > most || y > lowest) continue;
          for (let at = y * wide + x, last = at + side * wide; at < last; at += wide)
            for (let u = 0; u < side; u++) pixels[at + u] = tint;
        }
    this.pen.putImageData(this.pixels, 0, 0);
  }
  // what each point is drawn with, in the order of the bins; 0 for what is not shown
  tinted() {
    const packed = (hex, alpha) => {
      const [red, green, blue] = [1, 3, 5].map(k => parseInt(hex.slice(k, k + 2), 16));
      return ((alpha << 24) | (blue << 16) | (green << 8) | red) >>> 0;
    };
    const full = this.colours.map(hex => packed(hex, 230)), dim = this.colours.map(hex => packed(hex, 40));
    return Uint32Array.from(this.bins.items, i =>
      !this.shows(i) ? 0 : this.chosen && !this.chosen[i] ? dim[this.which[i]] : full[this.which[i]],
    );
  }
  stamp(colour, r) {
    const stamp = document.createElement("canvas");
    stamp.width = stamp.height = Math.ceil((2 * r + 2) * this.ratio);
    const own = stamp.getContext("2d");
    own.fillStyle = colour;
    own.beginPath();
    own.arc(stamp.width / 2, stamp.width / 2, r * this.ratio, 0, 7);
    own.fill();
    return stamp;
  }

  drawMarks(pictures) {
    const { pen } = this;
    const ring = (row, wide) => {
      if (row < 0 || row >= this.n) return;
      const [x, y] = this.markOf(row, pictures);
      pen.lineWidth = wide;
      pen.strokeStyle = this.accent;
      if (pictures) {
        const s = this.cell * 0.98;
        pen.strokeRect(x - s / 2, y - s / 2, s, s);
      } else {
        pen.beginPath();
        pen.arc(x, y, 7, 0, 7);
        pen.stroke();
      }
    };
    ring(this.over, 2);
    ring(this.pinned, 3);
    if (!this.trail) return;
    pen.strokeStyle = this.accent;
    pen.lineWidth = 2;
    if (this.tool_ === "lasso") {
      pen.beginPath();
      for (const [x, y] of this.trail) pen.lineTo(x, y);
      pen.closePath();
      pen.setLineDash([5, 4]);
      pen.stroke();
      pen.setLineDash([]);
      pen.globalAlpha = 0.12;
      pen.fillStyle = this.accent;
      pen.fill();
      pen.globalAlpha = 1;
    } else if (this.first >= 0) {
      const [x, y] = this.markOf(this.first, pictures), end = this.trail[this.trail.length - 1];
      const [u, v] = this.last >= 0 ? this.markOf(this.last, pictures) : end;
      ring(this.first, 3);
      ring(this.last, 3);
      pen.beginPath();
      pen.moveTo(x, y);
      pen.lineTo(u, v);
      pen.lineWidth = 3;
      pen.stroke();
    }
  }
  // where a row's mark is: its cell where pictures stand in cells
  markOf(row, pictures) {
    const [x, y] = this.placeOf(row);
    if (!pictures || !this.cell) return [x, y];
    const middle = (v, from) => from + (Math.floor((v - from) / this.cell) + 0.5) * this.cell;
    return [middle(x, this.left), middle(y, this.top)];
  }

  // ---- what is under the pointer -------------------------------------------------------------

  nearest(x, y) {
    if (!this.n || this.from) return -1;
    if (this.cells.size) return this.at(x, y) ?? -1;
    const { first, items, across } = this.bins, { xy, scale, left, top } = this;
    const reach = 16 / scale, u = (x - left) / scale, v = (y - top) / scale;
    const bin = w => Math.min(across - 1, Math.max(0, Math.floor(w * across)));
    let best = -1, least = reach * reach;
    for (let row = bin(v - reach); row <= bin(v + reach); row++)
      for (let k = first[row * across + bin(u - reach)], end = first[row * across + bin(u + reach) + 1]; k < end; k++) {
        const i = items[k], dx = xy[2 * i] - u, dy = xy[2 * i + 1] - v, far = dx * dx + dy * dy;
        if (far < least && this.shows(i)) {
          least = far;
          best = i;
        }
      }
    return best;
  }

  // the rows inside a polygon of the screen
  inside(polygon) {
    const rows = [], corners = polygon.length;
    let x0 = Infinity, x1 = -Infinity, y0 = Infinity, y1 = -Infinity;
    for (const [x, y] of polygon) {
      x0 = Math.min(x0, x), x1 = Math.max(x1, x), y0 = Math.min(y0, y), y1 = Math.max(y1, y);
    }
    this.inView(0, (i, x, y) => {
      if (x < x0 || x > x1 || y < y0 || y > y1) return;
      let odd = false;
      for (let a = 0, b = corners - 1; a < corners; b = a++) {
        const [ax, ay] = polygon[a], [bx, by] = polygon[b];
        if (ay > y !== by > y && x < ((bx - ax) * (y - ay)) / (by - ay) + ax) odd = !odd;
      }
      if (odd) rows.push(i);
    });
    return rows;
  }

  // ---- hands ---------------------------------------------------------------------------------

  listen() {
    const { canvas } = this;
    const at = e => {
      const box = canvas.getBoundingClientRect();
      return [e.clientX - box.left, e.clientY - box.top];
    };
    canvas.addEventListener("pointerdown", e => {
      if (e.button > 0) return;
      canvas.setPointerCapture(e.pointerId);
      const [x, y] = (this.pressed = at(e));
      this.strayed = false;
      this.fingers.set(e.pointerId, [x, y]);
      // a key chooses a tool for one stroke
      this.tool_ = this.plain ? "move" : e.shiftKey ? "lasso" : e.altKey ? "morph" : this.tool;
      if (this.fingers.size > 1) {
        this.trail = null;
        this.tool_ = "move";
      } else if (this.tool_ !== "move") {
        this.trail = [[x, y]];
        this.first = this.tool_ === "morph" ? this.beside(x, y) : -1;
        this.last = -1;
      }
      canvas.classList.add("held");
    });
    canvas.addEventListener("pointermove", e => {
      const [x, y] = at(e), before = this.fingers.get(e.pointerId);
      if (!before) {
        this.hover(this.nearest(x, y), x, y);
        return;
      }
      this.fingers.set(e.pointerId, [x, y]);
      this.strayed ||= Math.hypot(x - this.pressed[0], y - this.pressed[1]) >= 5;
      if (this.fingers.size === 2) {
        const other = [...this.fingers].find(([id]) => id !== e.pointerId)[1];
        const far = p => Math.hypot(p[0] - other[0], p[1] - other[1]) || 1;
        this.zoom(other[0], other[1], far([x, y]) / far(before));
      } else if (this.trail) {
        this.trail.push([x, y]);
        if (this.tool_ === "morph" && this.first >= 0) {
          const last = this.beside(x, y);
          if (last !== this.last && last !== this.first) {
            this.last = last;
            if (last >= 0) this.tell.way(this.first, last, false);
          }
        }
        this.ask();
      } else {
        this.left += x - before[0];
        this.top += y - before[1];
        this.ask();
      }
      this.hover(-1);
    });
    const lifted = e => {
      if (!this.fingers.delete(e.pointerId)) return;
      canvas.classList.remove("held");
      const [x, y] = at(e), { trail } = this;
      this.trail = null;
      this.ask();
      if (e.type === "pointercancel") return;
      if (!this.strayed) {
        const row = this.nearest(x, y);
        this.tell.pick(row, e);
      } else if (trail && this.tool_ === "lasso") this.tell.lasso(this.inside(trail), e);
      else if (trail && this.first >= 0 && this.last >= 0) this.tell.way(this.first, this.last, true);
    };
    canvas.addEventListener("pointerup", lifted);
    canvas.addEventListener("pointercancel", lifted);
    canvas.addEventListener("pointerleave", () => this.hover(-1));
    canvas.addEventListener(
      "wheel",
      e => {
        e.preventDefault();
        const [x, y] = at(e), lines = e.deltaMode === 1 ? 24 : 1;
        this.zoom(x, y, Math.exp(-Math.max(-120, Math.min(120, e.deltaY * lines)) / 400));
        this.hover(this.nearest(x, y), x, y);
      },
      { passive: false },
    );
    canvas.addEventListener("dblclick", e => this.zoom(...at(e), 2));
    canvas.addEventListener("keydown", e => {
      const move = { ArrowLeft: [60, 0], ArrowRight: [-60, 0], ArrowUp: [0, 60], ArrowDown: [0, -60] }[e.key];
      const middle = [this.width / 2, this.height / 2];
      if (e.ctrlKey || e.metaKey || e.altKey) return;
      if (move) {
        this.left += move[0];
        this.top += move[1];
        this.ask();
        this.hover(this.near(...middle), ...middle);
      } else if (e.key === "+" || e.key === "=") this.zoom(...middle, 1.25);
      else if (e.key === "-") this.zoom(...middle, 0.8);
      else if (e.key === "0") this.fit();
      else if (e.key === "Enter" || e.key === " ") this.tell.pick(this.near(...middle), e);
      else return;
      e.preventDefault();
    });
  }
  // the picture under the pointer, or not far from it
  beside(x, y) {
    const under = this.nearest(x, y);
    if (under >= 0) return under;
    const near = this.near(x, y), [u, v] = near >= 0 ? this.placeOf(near) : [Infinity, 0];
    return Math.hypot(u - x, v - y) < 90 ? near : -1;
  }
  // the picture nearest to a place, however far
  near(x, y) {
    let best = -1, least = Infinity;
    this.inView(0, (i, px, py) => {
      const far = (px - x) ** 2 + (py - y) ** 2;
      if (far < least) {
        least = far;
        best = i;
      }
    });
    return this.cells.size && best >= 0 ? (this.at(...this.placeOf(best)) ?? best) : best;
  }
  hover(row, x, y) {
    if (row !== this.over) {
      this.over = row;
      this.ask();
    }
    this.tell.hover(row, x, y);
  }
}

// Points in square bins, so that what is in view or under the pointer is found at once.
function binned(xy) {
  const n = xy.length / 2, across = Math.max(1, Math.min(1024, Math.ceil(Math.sqrt(n / 4))));
  const bin = v => Math.min(across - 1, Math.max(0, Math.floor(v * across)));
  const of = i => bin(xy[2 * i + 1]) * across + bin(xy[2 * i]);
  const first = new Uint32Array(across * across + 1), items = new Uint32Array(n);
  for (let i = 0; i < n; i++) first[of(i) + 1]++;
  for (let c = 0; c < across * across; c++) first[c + 1] += first[c];
  const next = first.slice();
  for (let i = 0; i < n; i++) items[next[of(i)]++] = i;
  const placed = new Float32Array(2 * n); // the points in the order of the bins
  for (let k = 0; k < n; k++) {
    placed[2 * k] = xy[2 * items[k]];
    placed[2 * k + 1] = xy[2 * items[k] + 1];
  }
  return { first, items, across, placed };
}

// The same number for a row every time, and no order in them.
function shuffledNumbers(n) {
  const out = new Uint32Array(n);
  for (let i = 0; i < n; i++) {
    let h = Math.imul(i ^ 0x9e3779b9, 0x85ebca6b);
    h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
    out[i] = h ^ (h >>> 16);
  }
  return out;
}
