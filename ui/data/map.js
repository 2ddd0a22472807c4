// The map: every image a point, coloured by class; pictures on hover, the large view on click, a lasso to select.
// Points come as float32 [n, 4] (row, x, y, class) from /thaw/map; nothing is computed here but the drawing. A canvas
// draws sprites, so that no WebGL is needed; while many points are moved, some stand for all. Mounted by ui/data/map.py.

const HUES = ["#3f8fe0", "#e8743b", "#2ea36c", "#b45fc9", "#d6a21e", "#d9486e", "#3aa8a8", "#8c6bd6", "#7d9b2f", "#b0704a"];
function colourOf(label, classes) {
  if (classes <= HUES.length) return HUES[label % HUES.length];
  const hue = (label * 137.508) % 360, light = [52, 64, 42][label % 3];
  return `hsl(${hue.toFixed(0)} 62% ${light}%)`;
}
const CELLS = 96, NEAR = 14, AROUND = 48, MOVED = 12000;

class ImageMap {
  constructor(parent, data, send) {
    this.send = send;
    this.reports = new Reports((report) => this.send(report));
    this.picked = new Set();
    this.alone = new Set();
    this.mode = "move";
    this.around = [];
    this.root = document.createElement("section");
    this.root.className = "thaw-map";
    this.root.setAttribute("aria-label", "Map of the images");
    this.root.innerHTML =
      '<div class="m-field"><canvas tabindex="0" role="img"></canvas><div class="m-tip" hidden><img alt=""><b><bdi></bdi></b></div>' +
      '<div class="m-tools"><button type="button" data-do="move" aria-pressed="true" title="Drag moves the map">Move</button><button type="button" data-do="lasso" aria-pressed="false" title="Drag around images to select them (or hold Shift)">Select</button>' +
      '<button type="button" data-do="in" aria-label="Closer" title="Closer (+)">+</button><button type="button" data-do="out" aria-label="Farther" title="Farther (-)">−</button><button type="button" data-do="all" title="The whole map (0)">All</button></div>' +
      '<p class="m-said" role="status">Loading the map …</p></div><ul class="m-legend" aria-label="Classes: press one to see it alone"></ul>';
    parent.append(this.root);
    this.find = (name) => this.root.querySelector(name);
    this.canvas = this.find("canvas");
    this.viewer = new Viewer(parent, {
      rows: () => this.around,
      picked: (row) => this.picked.has(row),
      pick: (row, on) => { on ? this.picked.add(row) : this.picked.delete(row); this.reports.say("pick", row, on); this.draw(); },
      opened: (row) => { this.lit = row; this.draw(); if (row === null) this.canvas.focus(); },
    });
    this.bind();
    this.update(data);
  }

  update(data) {
    this.reports.heard(data.ack);
    const before = this.data;
    this.data = data;
    this.picked = this.reports.over(data.picked);
    this.viewer.mark();
    if (before?.url !== data.url) this.load();
    else this.draw();
  }

  async load() {
    const url = this.data.url;
    try {
      const answer = await fetch(url);
      if (!answer.ok) throw new Error((await answer.json()).error);
      const raw = new Float32Array(await answer.arrayBuffer());
      if (url === this.data.url && !this.gone) this.take(raw);
    } catch (error) { this.find(".m-said").textContent = `The map cannot be shown. ${error.message}`; }
  }

  take(raw) {
    const n = raw.length / 4;
    Object.assign(this, { n, row: new Int32Array(n), x: new Float32Array(n), y: new Float32Array(n), label: new Int32Array(n) });
    let [left, right, top, bottom] = [Infinity, -Infinity, Infinity, -Infinity];
    // In a fixed shuffled order, so that no class lies over all others.
    const order = Int32Array.from({ length: n }, (_, i) => i);
    let seed = 1;
    for (let i = n - 1; i > 0; i--) { seed = (seed * 1103515245 + 12345) % 2147483648; const j = seed % (i + 1); [order[i], order[j]] = [order[j], order[i]]; }
    order.forEach((from, to) => {
      [this.row[to], this.x[to], this.y[to], this.label[to]] = raw.subarray(4 * from, 4 * from + 4);
      left = Math.min(left, this.x[to]); right = Math.max(right, this.x[to]);
      top = Math.min(top, this.y[to]); bottom = Math.max(bottom, this.y[to]);
    });
    this.bounds = { left, top, width: right - left || 1, height: bottom - top || 1 };
    this.cells = new Map();
    for (let i = 0; i < n; i++) {
      const key = this.cell(this.x[i], this.y[i]).join();
      (this.cells.get(key) ?? this.cells.set(key, []).get(key)).push(i);
    }
    this.find(".m-said").textContent = "";
    this.canvas.setAttribute("aria-label", `Map of ${many(n, "image")} in ${this.data.classes.length} classes; the gallery shows the same images as a list.`);
    this.whole();
    this.legend();
    this.draw();
    this.root.dataset.points = n;
  }

  cell(x, y) { return [Math.floor(((x - this.bounds.left) / this.bounds.width) * CELLS), Math.floor(((y - this.bounds.top) / this.bounds.height) * CELLS)]; }
  whole() { this.view = { x: this.bounds.left + this.bounds.width / 2, y: this.bounds.top + this.bounds.height / 2, zoom: 1 }; }
  scale() {
    const room = 32, fit = Math.min((this.wide - room) / this.bounds.width, (this.high - room) / this.bounds.height);
    return Math.max(fit, 1e-9) * this.view.zoom;
  }
  at(i) { const s = this.scale(); return [this.wide / 2 + (this.x[i] - this.view.x) * s, this.high / 2 - (this.y[i] - this.view.y) * s]; }
  place(px, py) { const s = this.scale(); return [this.view.x + (px - this.wide / 2) / s, this.view.y - (py - this.high / 2) / s]; }

  sprite(colour, size) {
    const key = colour + size, dpr = this.dpr;
    this.sprites ??= new Map();
    if (!this.sprites.has(key)) {
      const one = document.createElement("canvas");
      one.width = one.height = Math.ceil(size * dpr) + 2;
      const pen = one.getContext("2d");
      pen.fillStyle = colour;
      pen.beginPath();
      pen.arc(one.width / 2, one.width / 2, (size * dpr) / 2, 0, 7);
      pen.fill();
      this.sprites.set(key, one);
    }
    return this.sprites.get(key);
  }

  draw() {
    if (this.n === undefined || this.gone) return;
    cancelAnimationFrame(this.frame);
    this.frame = requestAnimationFrame(() => this.paint());
  }

  paint() {
    const started = performance.now(), dpr = window.devicePixelRatio || 1;
    if (dpr !== this.dpr) { this.dpr = dpr; this.sprites = undefined; }
    this.wide = this.canvas.clientWidth; this.high = this.canvas.clientHeight;
    if (!this.wide) return;
    const [w, h] = [Math.round(this.wide * dpr), Math.round(this.high * dpr)];
    if (this.canvas.width !== w || this.canvas.height !== h) { this.canvas.width = w; this.canvas.height = h; }
    const pen = this.canvas.getContext("2d");
    pen.clearRect(0, 0, w, h);
    const size = Math.min(14, Math.max(3, 60 / Math.cbrt(this.n)) * Math.pow(this.view.zoom, 0.3));
    const count = this.data.classes.length, s = this.scale() * dpr, cx = w / 2, cy = h / 2, alone = this.alone.size > 0;
    const colours = Array.from({ length: count }, (_, label) => this.sprite(colourOf(label, count), size));
    const grey = this.sprite("rgba(128,140,156,0.28)", size), half = colours.length ? colours[0].width / 2 : 0;
    const step = this.from && !this.loop ? Math.ceil(this.n / MOVED) : 1;
    pen.globalAlpha = this.n > 5000 ? 0.75 : 0.9;
    for (const front of alone ? [false, true] : [true]) {
      for (let i = 0; i < this.n; i += step) {
        const mine = !alone || this.alone.has(this.label[i]);
        if (mine !== front) continue;
        const px = cx + (this.x[i] - this.view.x) * s, py = cy - (this.y[i] - this.view.y) * s;
        if (px > -20 && py > -20 && px < w + 20 && py < h + 20) pen.drawImage(mine ? colours[this.label[i]] ?? grey : grey, px - half, py - half);
      }
    }
    pen.globalAlpha = 1;
    const ink = getComputedStyle(this.root).color;
    this.ink = ink;
    if (this.picked.size || this.lit != null) {
      pen.strokeStyle = ink;
      for (let i = 0; i < this.n; i++) {
        const lit = this.row[i] === this.lit;
        if (!lit && !this.picked.has(this.row[i])) continue;
        const [px, py] = this.at(i);
        pen.lineWidth = (lit ? 3 : 2) * dpr;
        pen.beginPath(); pen.arc(px * dpr, py * dpr, (size / 2 + (lit ? 5 : 2)) * dpr, 0, 7); pen.stroke();
      }
    }
    if (this.loop?.length > 1) {
      pen.strokeStyle = ink; pen.lineWidth = 1.5 * dpr; pen.setLineDash([6 * dpr, 4 * dpr]);
      pen.beginPath(); this.loop.forEach(([px, py]) => pen.lineTo(px * dpr, py * dpr)); pen.closePath(); pen.stroke(); pen.setLineDash([]);
    }
    this.root.dataset.paintMs = (performance.now() - started).toFixed(1);
    this.root.dataset.picked = this.picked.size;
  }

  legend() {
    const { classes } = this.data, counts = new Array(classes.length).fill(0);
    for (let i = 0; i < this.n; i++) counts[this.label[i]]++;
    this.find(".m-legend").innerHTML = classes.map((name, label) => (counts[label] ? `<li><button type="button" data-label="${label}" aria-pressed="false"><i style="background:${colourOf(label, classes.length)}"></i><bdi>${esc(name)}</bdi><small>${counts[label].toLocaleString("en")}</small></button></li>` : "")).join("");
  }

  // Points within `reach` px of a place on the screen, nearest first.
  near(px, py, reach) {
    const s = this.scale(), [x, y] = this.place(px, py), [ax, ay] = this.cell(x - reach / s, y - reach / s), [bx, by] = this.cell(x + reach / s, y + reach / s);
    const found = [];
    for (let cx = Math.max(0, ax); cx <= Math.min(CELLS, bx); cx++) for (let cy = Math.max(0, ay); cy <= Math.min(CELLS, by); cy++) {
      for (const i of this.cells.get(`${cx},${cy}`) ?? []) {
        if (this.alone.size && !this.alone.has(this.label[i])) continue;
        const far = Math.hypot(this.x[i] - x, this.y[i] - y) * s;
        if (far <= reach) found.push([far, i]);
      }
    }
    return found.sort((a, b) => a[0] - b[0]).map(([, i]) => i);
  }

  open(i) {
    // Before and after it come its neighbours on the map, nearest first.
    let reach = 40, found = [];
    const [px, py] = this.at(i);
    while (found.length < Math.min(AROUND, this.n) && reach < 4000) { found = this.near(px, py, reach); reach *= 2; }
    this.around = [this.row[i], ...found.filter((one) => one !== i).slice(0, AROUND - 1).map((one) => this.row[one])];
    this.viewer.open(this.data, this.row[i]);
  }

  bind() {
    const canvas = this.canvas, where = (event) => { const box = canvas.getBoundingClientRect(); return [event.clientX - box.left, event.clientY - box.top]; };
    canvas.addEventListener("pointerdown", (event) => {
      if (this.n === undefined) return;
      canvas.setPointerCapture(event.pointerId);
      this.from = where(event); this.began = { ...this.view }; this.moved = false;
      this.loop = this.mode === "lasso" || event.shiftKey ? [this.from] : null;
      this.tip(null);
    });
    canvas.addEventListener("pointermove", (event) => {
      if (this.n === undefined) return;
      const [px, py] = where(event);
      if (!this.from) { this.tip(this.near(px, py, NEAR)[0] ?? null, px, py); return; }
      if (Math.hypot(px - this.from[0], py - this.from[1]) > 4) this.moved = true;
      if (this.loop) this.loop.push([px, py]);
      else { const s = this.scale(); this.view.x = this.began.x - (px - this.from[0]) / s; this.view.y = this.began.y + (py - this.from[1]) / s; }
      this.draw();
    });
    const ended = (event) => {
      if (!this.from) return;
      const [px, py] = where(event), loop = this.loop, moved = this.moved;
      this.from = null; this.loop = null;
      if (!moved) { const nearest = this.near(px, py, NEAR)[0]; if (nearest !== undefined) this.open(nearest); }
      else if (loop) this.gather(loop);
      this.draw();
    };
    canvas.addEventListener("pointerup", ended);
    canvas.addEventListener("pointercancel", () => { this.from = this.loop = null; this.draw(); });
    canvas.addEventListener("pointerleave", () => this.tip(null));
    canvas.addEventListener("dblclick", () => { this.whole(); this.draw(); });
    canvas.addEventListener("wheel", (event) => {
      // The page scrolls over the map until it has been clicked.
      if (this.n === undefined || (document.activeElement !== canvas && !event.ctrlKey)) return;
      event.preventDefault();
      this.closer(Math.exp(-event.deltaY / 400), ...where(event));
    }, { passive: false });
    canvas.addEventListener("keydown", (event) => {
      const step = 60 / (this.n === undefined ? 1 : this.scale());
      const move = { ArrowLeft: [-step, 0], ArrowRight: [step, 0], ArrowUp: [0, step], ArrowDown: [0, -step] }[event.key];
      event.stopPropagation(); // Streamlit has shortcuts of its own
      if (this.n === undefined) return;
      if (move) { this.view.x += move[0]; this.view.y += move[1]; }
      else if (event.key === "+" || event.key === "=") this.closer(1.5);
      else if (event.key === "-") this.closer(1 / 1.5);
      else if (event.key === "0") this.whole();
      else if (event.key === "Enter") { const nearest = this.near(this.wide / 2, this.high / 2, 4000)[0]; if (nearest !== undefined) this.open(nearest); }
      else if (event.key === "Escape") { this.picked.clear(); this.reports.say("clear"); }
      else return;
      event.preventDefault();
      this.draw();
    });
    this.root.addEventListener("click", (event) => {
      const label = event.target.closest("[data-label]"), tool = event.target.closest("[data-do]")?.dataset.do;
      if (label) {
        const own = Number(label.dataset.label);
        this.alone.has(own) ? this.alone.delete(own) : this.alone.add(own);
        label.setAttribute("aria-pressed", this.alone.has(own));
        this.find(".m-legend").classList.toggle("is-alone", this.alone.size > 0);
        this.draw();
      }
      if (!tool || this.n === undefined) return;
      if (tool === "in" || tool === "out") this.closer(tool === "in" ? 1.5 : 1 / 1.5);
      else if (tool === "all") this.whole();
      else {
        this.mode = tool;
        canvas.classList.toggle("is-lasso", tool === "lasso");
        this.root.querySelectorAll("[aria-pressed][data-do]").forEach((one) => one.setAttribute("aria-pressed", one.dataset.do === tool));
      }
      this.draw();
    });
    this.sizes = new ResizeObserver(() => this.draw());
    this.sizes.observe(canvas);
    // A switch between light and dark reaches this only through inherited colours: look now and then.
    this.watch = setInterval(() => { if (this.ink && getComputedStyle(this.root).color !== this.ink) this.draw(); }, 1000);
  }

  closer(by, px = this.wide / 2, py = this.high / 2) {
    const [x, y] = this.place(px, py);
    this.view.zoom = Math.min(400, Math.max(0.5, this.view.zoom * by));
    const [x2, y2] = this.place(px, py);
    this.view.x += x - x2; this.view.y += y - y2;
    this.draw();
  }

  // Every visible image inside the loop is selected.
  gather(loop) {
    const rows = [];
    for (let i = 0; i < this.n; i++) {
      if (this.alone.size && !this.alone.has(this.label[i])) continue;
      const [px, py] = this.at(i);
      let inside = false;
      for (let a = 0, b = loop.length - 1; a < loop.length; b = a++) {
        const [ax, ay] = loop[a], [bx, by] = loop[b];
        if (ay > py !== by > py && px < ((bx - ax) * (py - ay)) / (by - ay) + ax) inside = !inside;
      }
      if (inside) rows.push(this.row[i]);
    }
    if (!rows.length) return;
    rows.forEach((row) => this.picked.add(row));
    this.reports.say("picks", rows);
  }

  tip(i, px, py) {
    const tip = this.find(".m-tip");
    tip.hidden = i === null;
    this.canvas.classList.toggle("is-over", i !== null);
    if (i === null) return;
    tip.querySelector("img").src = `${this.data.at}/thaw/thumb/${this.data.base}/${this.row[i]}.jpg`;
    tip.querySelector("bdi").textContent = this.data.classes[this.label[i]] ?? "";
    tip.style.left = Math.min(this.wide - 152, Math.max(0, px + 16)) + "px";
    tip.style.top = (py > this.high - 190 ? py - 184 : py + 16) + "px";
    this.root.dataset.over = this.row[i];
  }

  destroy() { this.gone = true; cancelAnimationFrame(this.frame); clearInterval(this.watch); this.sizes.disconnect(); this.viewer.destroy(); this.root.remove(); }
}

// Streamlit calls this at every script run with the same parent; the map lives on and keeps its place.
export default function (component) {
  const { parentElement: parent, data, setStateValue } = component;
  const send = (report) => setStateValue("report", report);
  let map = parent.__thawMap;
  clearTimeout(parent.__thawLeaving);
  if (!map || map.gone) map = parent.__thawMap = new ImageMap(parent, data, send);
  else { map.send = send; map.update(data); }
  return () => { parent.__thawLeaving = setTimeout(() => map.destroy(), 300); };
}
