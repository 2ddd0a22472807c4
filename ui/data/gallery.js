// The gallery: a page of pictures, or a few of every class; selection, keyboard, the large view.
// What is shown is decided by the script; this draws it and reports what was done. Mounted by ui/data/gallery.py.

class Gallery {
  constructor(parent, data, send) {
    this.reports = new Reports((report) => this.send(report));
    this.send = send;
    this.picked = new Set();
    this.root = document.createElement("section");
    this.root.className = "thaw-pics";
    this.root.setAttribute("aria-label", "Images");
    parent.append(this.root);
    this.viewer = new Viewer(parent, {
      rows: () => this.rows(),
      picked: (row) => this.picked.has(row),
      pick: (row, on) => this.pick([row], on),
      opened: (row) => { if (row !== this.data.open) { this.data.open = row; this.reports.say("open", row); } if (row === null) this.focus(this.last); },
    });
    this.root.addEventListener("click", (event) => this.clicked(event));
    this.root.addEventListener("keydown", (event) => this.pressed(event));
    this.root.addEventListener("change", (event) => { if (event.target.matches(".p-number")) this.turn(Number(event.target.value)); });
    this.root.addEventListener("load", (event) => { if (event.target.naturalWidth < 64) event.target.classList.add("is-tiny"); }, true);
    this.root.addEventListener("error", (event) => event.target.closest(".p-tile")?.classList.add("is-broken"), true);
    this.update(data);
    if (data.open !== null) this.viewer.open(this.data, data.open);
  }

  update(data) {
    const shape = JSON.stringify([data.dataset, data.groups, data.page, data.pages, data.total, data.empty, data.lines]);
    const turned = this.data && this.data.page !== data.page;
    this.reports.heard(data.ack);
    this.data = { ...data, open: this.viewer.row };
    this.viewer.data = this.data;
    this.picked = this.reports.over(data.picked);
    if (shape !== this.shape) {
      this.shape = shape;
      this.draw();
      if (turned && this.root.getBoundingClientRect().top < 0) this.root.scrollIntoView({ block: "start" });
    }
    this.mark();
    this.root.dataset.page = data.page;
    this.root.dataset.total = data.total;
    clearTimeout(this.ahead);
    // The next page is decoded while this one is looked at.
    this.ahead = setTimeout(() => data.next.forEach((row) => { new Image().src = this.thumb(row); }), 400);
  }

  thumb(row) { return `${this.data.at}/thaw/thumb/${this.data.base}/${row}.jpg`; }
  rows() { return this.data.groups.flatMap((group) => group.items.map(([row]) => row)); }
  tiles() { return [...this.root.querySelectorAll(".p-tile")]; }

  draw() {
    const { groups, empty } = this.data;
    const strips = this.data.strips;
    this.root.innerHTML = empty ? "" : this.pager("top") + groups.map((group) => this.group(group, strips)).join("") + this.pager("bottom");
    const first = this.root.querySelector(".p-tile");
    if (first) first.tabIndex = 0;
  }

  group({ name, total, items }, strip) {
    const head = strip
      ? `<div class="p-head"><button type="button" class="p-class" data-class="${esc(name)}" title="Every image of this class"><bdi>${esc(name)}</bdi></button><small>${many(total, "image")}</small></div>`
      : "";
    return `<div class="p-group${strip ? " is-strip" : ""}">${head}<div class="p-grid" role="listbox" style="--lines:${this.data.lines}" aria-multiselectable="true" aria-label="${esc(strip ? name : "Images found")}">${items.map((item) => this.tile(item, strip)).join("")}</div></div>`;
  }

  tile([row, label, path, split], strip) {
    const name = this.data.classes[label] ?? "no class";
    const mark = split === "train" || split === "" || this.data.split === split ? "" : `<i class="p-split is-${esc(split)}">${esc(SPLITS[split] ?? split)}</i>`;
    const said = strip || this.data.one ? "" : `<figcaption><bdi>${esc(name)}</bdi></figcaption>`;
    return `<figure class="p-tile" role="option" tabindex="-1" data-row="${row}" aria-selected="false" aria-label="${esc(name)}, ${esc(path)}${split && split !== "train" ? ", " + (SPLITS[split] ?? esc(split)) : ""}" title="${esc(path)}">` +
      `<img src="${this.thumb(row)}" alt="" loading="lazy" decoding="async" width="112" height="112"><span class="p-check" aria-hidden="true">✓</span>${mark}${said}</figure>`;
  }

  pager(where) {
    const { page, pages, total, from, to, noun } = this.data;
    const span = pages > 1 ? `${from.toLocaleString("en")}–${to.toLocaleString("en")} of ${total.toLocaleString("en")} ${noun}` : many(total, noun.replace(/(es|s)$/, noun === "classes" ? "" : ""), noun);
    if (where === "bottom" && pages < 2) return "";
    const turn = pages < 2 ? "" :
      `<span class="p-turn"><button type="button" data-turn="${page - 1}" ${page < 2 ? "disabled" : ""} aria-label="Previous page">‹</button>` +
      `<label>Page <input class="p-number" type="number" min="1" max="${pages}" value="${page}" aria-label="Page"> of ${pages.toLocaleString("en")}</label>` +
      `<button type="button" data-turn="${page + 1}" ${page >= pages ? "disabled" : ""} aria-label="Next page">›</button></span>`;
    return `<nav class="p-pager is-${where}" aria-label="Pages"><span${where === "top" ? ' role="status"' : ""}>${where === "top" ? span : ""}</span>${turn}</nav>`;
  }

  mark() {
    this.root.classList.toggle("is-picking", this.picked.size > 0 || this.data.count > 0);
    for (const tile of this.tiles()) tile.setAttribute("aria-selected", this.picked.has(Number(tile.dataset.row)));
    this.root.dataset.picked = this.picked.size;
    this.viewer.mark();
  }

  pick(rows, on) {
    for (const row of rows) {
      if (this.picked.has(row) === on) continue;
      on ? this.picked.add(row) : this.picked.delete(row);
      this.reports.say("pick", row, on);
    }
    this.mark();
  }

  turn(page) {
    const next = Math.min(Math.max(1, page || 1), this.data.pages);
    if (next !== this.data.page) { this.root.classList.add("is-turning"); this.reports.say("page", next); setTimeout(() => this.root.classList.remove("is-turning"), 1500); }
  }

  clicked(event) {
    const turn = event.target.closest("[data-turn]"), named = event.target.closest(".p-class"), tile = event.target.closest(".p-tile");
    if (turn) return this.turn(Number(turn.dataset.turn));
    if (named) return this.reports.say("class", named.dataset.class);
    if (!tile) return;
    const row = Number(tile.dataset.row);
    this.focus(row);
    if (event.shiftKey && this.anchor !== undefined) return this.pick(this.between(this.anchor, row), true);
    if (event.target.closest(".p-check") || event.ctrlKey || event.metaKey) { this.anchor = row; return this.pick([row], !this.picked.has(row)); }
    this.viewer.open(this.data, row);
  }

  between(a, b) {
    const rows = this.rows(), [from, to] = [rows.indexOf(a), rows.indexOf(b)].sort((x, y) => x - y);
    return from < 0 ? [b] : rows.slice(from, to + 1);
  }

  focus(row) {
    const tile = this.root.querySelector(`.p-tile[data-row="${row}"]`);
    if (!tile) return;
    this.tiles().forEach((one) => { one.tabIndex = -1; });
    tile.tabIndex = 0;
    tile.focus({ preventScroll: false });
    this.last = row;
  }

  pressed(event) {
    const tile = event.target.closest(".p-tile");
    if (event.target.matches(".p-number")) { event.stopPropagation(); return; }
    if (event.key === "PageDown" || event.key === "PageUp") { this.turn(this.data.page + (event.key === "PageDown" ? 1 : -1)); event.preventDefault(); return; }
    if (!tile) return;
    event.stopPropagation(); // Streamlit has shortcuts of its own
    const row = Number(tile.dataset.row), tiles = this.tiles(), at = tiles.indexOf(tile);
    const across = Math.max(1, tiles.filter((one) => one.offsetTop === tile.offsetTop && one.parentNode === tile.parentNode).length);
    const by = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -across, ArrowDown: across }[event.key];
    if (by) { const next = tiles[at + by]; if (next) { this.focus(Number(next.dataset.row)); if (event.shiftKey) this.pick([row, Number(next.dataset.row)], true); } }
    else if (event.key === "Home" || event.key === "End") this.focus(Number(tiles.at(event.key === "Home" ? 0 : -1).dataset.row));
    else if (event.key === " " || event.key === "x") { this.anchor = row; this.pick([row], !this.picked.has(row)); }
    else if (event.key === "Enter") this.viewer.open(this.data, row);
    else if (event.key === "a" && (event.ctrlKey || event.metaKey)) this.pick(this.rows(), true);
    else if (event.key === "Escape") { this.picked.clear(); this.data.count = 0; this.reports.say("clear"); this.mark(); }
    else return;
    event.preventDefault();
  }

  destroy() { this.gone = true; clearTimeout(this.ahead); this.viewer.destroy(); this.root.remove(); }
}

// Streamlit calls this at every script run with the same parent; the gallery lives on, so nothing flickers.
export default function (component) {
  const { parentElement: parent, data, setStateValue } = component;
  const send = (report) => setStateValue("report", report);
  let gallery = parent.__thawGallery;
  clearTimeout(parent.__thawLeaving);
  if (!gallery || gallery.gone) gallery = parent.__thawGallery = new Gallery(parent, data, send);
  else { gallery.send = send; gallery.update(data); }
  return () => { parent.__thawLeaving = setTimeout(() => gallery.destroy(), 300); };
}
