// Pictures that can be selected: a click picks or unpicks one, "look" asks the page for its details.
// Mounted by ui/data/tiles.py. The selection lives here between script runs; the page hears of every change.

const safeText = (value) => String(value ?? "").replace(/[&<>"]/g, (c) => ({ "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" })[c]);

function tile(item, picked) {
  const lines = item.lines.map(([text, tone]) => `<div class="${tone ? "is-" + tone : ""}"><bdi>${safeText(text)}</bdi></div>`).join("");
  return `<figure class="t-tile${picked ? " is-picked" : ""}" data-row="${item.row}">` +
    `<button type="button" class="t-pick" aria-pressed="${picked}" title="${safeText(item.title)}" aria-label="${picked ? "Unpick" : "Pick"} ${safeText(item.title)}">` +
    `<img src="${safeText(item.src)}" alt="" loading="lazy"/><i aria-hidden="true">✓</i></button>` +
    `<figcaption>${lines}<button type="button" class="t-look" aria-label="Look at ${safeText(item.title)}">look closer</button></figcaption></figure>`;
}

export default function (component) {
  const { parentElement: parent, data, setStateValue } = component;
  let root = parent.querySelector(".thaw-tiles-grid");
  if (!root) {
    root = document.createElement("div");
    root.className = "thaw-tiles-grid";
    root.picked = new Set();
    parent.append(root);
    root.addEventListener("click", (event) => {
      const figure = event.target.closest(".t-tile");
      if (!figure) return;
      const row = Number(figure.dataset.row);
      if (event.target.closest(".t-look")) return root.tell("look", row);
      root.picked.has(row) ? root.picked.delete(row) : root.picked.add(row);
      figure.classList.toggle("is-picked", root.picked.has(row));
      figure.querySelector(".t-pick").setAttribute("aria-pressed", root.picked.has(row));
      root.tell("picked", { set: root.dataset.set, rows: [...root.picked] });
    });
  }
  root.tell = (name, value) => setStateValue(name, value);
  // Each list keeps what was picked in it: the page knows it still when the list comes back.
  root.dataset.set = data.set;
  root.picked = (root.sets ??= {})[data.set] ??= new Set();
  const rows = new Set(data.items.map((item) => item.row));
  root.picked.forEach((row) => { if (!rows.has(row)) root.picked.delete(row); });
  const text = JSON.stringify(data.items);
  if (root.drawn !== text) { root.drawn = text; root.innerHTML = data.items.map((item) => tile(item, root.picked.has(item.row))).join(""); }
}
