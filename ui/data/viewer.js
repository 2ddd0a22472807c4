// One image large, over the page: what it is and where it lies. Used by the gallery and by the map.
// The server says what an image is (/thaw/facts); the caller says which rows come before and after it.

const esc = (value) => String(value ?? "").replace(/[&<>"]/g, (c) => ({ "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" })[c]);
const many = (n, one, more = one + "s") => `${n.toLocaleString("en")} ${n === 1 ? one : more}`;
const SPLITS = { train: "training", val: "validation", test: "test", excluded: "excluded", "": "not split" };
function bytes(n) {
  if (n >= 1048576) return (n / 1048576).toFixed(1) + " MB";
  return n >= 1024 ? Math.round(n / 1024) + " KB" : n + " bytes";
}

class Viewer {
  // hooks: rows() in order, picked(row), pick(row, on), opened(row or null)
  constructor(parent, hooks) {
    this.hooks = hooks;
    this.row = null;
    this.box = document.createElement("dialog");
    this.box.className = "thaw-viewer";
    this.box.tabIndex = -1;
    this.box.setAttribute("aria-label", "One image");
    this.box.innerHTML =
      '<div class="v-stage"><button type="button" class="v-step" data-by="-1" aria-label="Previous image">‹</button>' +
      '<img alt=""><p class="v-broken" hidden>This image cannot be shown.</p>' +
      '<button type="button" class="v-step" data-by="1" aria-label="Next image">›</button></div>' +
      '<aside><button type="button" class="v-close" aria-label="Close">×</button><h3><bdi></bdi></h3><dl></dl>' +
      '<button type="button" class="v-pick" aria-pressed="false"></button><p class="v-place"></p>' +
      '<section class="v-alike" hidden><h4>Most alike</h4><div></div></section>' +
      '<p class="v-keys"><kbd>←</kbd> <kbd>→</kbd> next, <kbd>Space</kbd> select, <kbd>Esc</kbd> close</p></aside>';
    parent.append(this.box); // in the app, not in the body: light or dark is set there
    this.find = (name) => this.box.querySelector(name);
    this.box.addEventListener("click", (event) => {
      const step = event.target.closest(".v-step"), alike = event.target.closest("[data-alike]");
      if (alike) this.open(this.data, Number(alike.dataset.alike));
      else if (step) this.step(Number(step.dataset.by));
      else if (event.target === this.box || event.target.closest(".v-close")) this.box.close();
      else if (event.target.closest(".v-pick")) this.toggle();
    });
    this.box.addEventListener("keydown", (event) => {
      event.stopPropagation(); // Streamlit has shortcuts of its own
      const by = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
      if (by) this.step(by);
      else if (event.key === " " && !event.target.closest("button")) this.toggle();
      else return;
      event.preventDefault();
    });
    this.box.addEventListener("close", () => { this.row = null; this.hooks.opened(null); });
    const picture = this.find("img");
    picture.addEventListener("error", () => { picture.hidden = true; this.find(".v-broken").hidden = false; });
    picture.addEventListener("load", () => {
      picture.hidden = false;
      this.find(".v-broken").hidden = true;
      picture.classList.toggle("is-tiny", Math.max(picture.naturalWidth, picture.naturalHeight) < 200);
    });
  }

  open(data, row) {
    this.data = data;
    this.row = row;
    this.find("img").src = `${data.at}/thaw/picture/${data.base}/${row}.jpg`;
    const fresh = !this.box.open;
    if (fresh) this.box.showModal();
    this.mark();
    this.tell(row);
    this.alike(row);
    const rows = this.hooks.rows(), place = rows.indexOf(row);
    this.box.querySelectorAll(".v-step").forEach((step) => { step.disabled = rows[place + Number(step.dataset.by)] === undefined || place < 0; });
    // A button that is switched off would keep the keyboard to itself.
    if (fresh || document.activeElement?.disabled) this.box.focus();
    this.find(".v-place").textContent = place < 0 ? "" : `${place + 1} of ${rows.length} shown`;
    for (const next of [rows[place + 1], rows[place - 1]]) if (place >= 0 && next !== undefined) new Image().src = `${data.at}/thaw/picture/${data.base}/${next}.jpg`;
    this.hooks.opened(row);
  }

  async tell(row) {
    let facts;
    try {
      facts = await (await fetch(`${this.data.at}/thaw/facts/${this.data.dataset}/${row}`)).json();
    } catch { return; }
    if (row !== this.row || facts.error) return;
    this.find("h3 bdi").textContent = facts.class;
    this.find("img").alt = `${facts.class}: ${facts.path}`;
    const lines = [["File", `<bdi class="v-path">${esc(facts.path)}</bdi>`], ["Size", `${facts.width} × ${facts.height} px, ${bytes(facts.bytes)}`], ["Split", SPLITS[facts.split] ?? esc(facts.split)]];
    if (facts.traits.length) lines.push(["Read with a difference", facts.traits.map(esc).join("; ")]);
    for (const [name, value] of facts.said || []) lines.push([esc(name), esc(value)]);
    this.find("dl").innerHTML = lines.map(([name, value]) => `<div><dt>${name}</dt><dd>${value}</dd></div>`).join("");
  }

  async alike(row) {
    const strip = this.find(".v-alike");
    let found;
    try {
      found = await (await fetch(`${this.data.at}/thaw/alike/${this.data.dataset}/${row}`)).json();
    } catch { return; }
    if (row !== this.row) return;
    strip.hidden = !found.alike?.length;
    strip.querySelector("div").innerHTML = (found.alike || []).map(([one, name]) =>
      `<button type="button" data-alike="${one}" class="${name === found.class ? "" : "is-other"}" title="${esc(name)}" aria-label="Open an image of ${esc(name)}"><img src="${this.data.at}/thaw/thumb/${this.data.base}/${one}.jpg" alt="" width="56" height="56">${name === found.class ? "" : `<bdi>${esc(name)}</bdi>`}</button>`).join("");
  }

  step(by) {
    const rows = this.hooks.rows(), next = rows[rows.indexOf(this.row) + by];
    if (rows.includes(this.row) && next !== undefined) this.open(this.data, next);
  }

  toggle() { this.hooks.pick(this.row, !this.hooks.picked(this.row)); this.mark(); }

  mark() {
    if (this.row === null) return;
    const on = this.hooks.picked(this.row), button = this.find(".v-pick");
    button.textContent = on ? "✓ Selected" : "Select";
    button.setAttribute("aria-pressed", on);
  }

  destroy() { this.box.remove(); }
}

// What the browser tells the script: numbered events, repeated until the script has said that it took them in.
class Reports {
  constructor(send, wait = 120) { this.client = Math.random().toString(36).slice(2); this.seq = 0; this.pending = []; this.send = send; this.wait = wait; }

  say(...event) {
    // Of two "open" in a row only the last matters.
    if (event[0] === "open") this.pending = this.pending.filter((one) => one[1] !== "open");
    this.pending.push([++this.seq, ...event]);
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.send({ client: this.client, events: this.pending }), event[0] === "open" ? 400 : this.wait);
  }

  heard(ack) { if (ack?.client === this.client) this.pending = this.pending.filter(([seq]) => seq > ack.seq); }

  // The script's selection with what it has not heard yet on top.
  over(rows) {
    const picked = new Set(rows);
    for (const [, what, row, on] of this.pending) {
      if (what === "clear") picked.clear();
      else if (what === "pick") on ? picked.add(row) : picked.delete(row);
      else if (what === "picks") row.forEach((one) => picked.add(one));
    }
    return picked;
  }
}
