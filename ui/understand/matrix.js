// The confusion matrix: rows are labels, columns answers; a cell is a button that names its images to the page.
// Counts and class names come from the server; nothing is decided here. Mounted by ui/understand/confusion.py.

const safe = (value) => String(value ?? "").replace(/[&<>"]/g, (c) => ({ "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" })[c]);

function cellOf(data, i, j) {
  const count = data.counts[i][j], all = data.counts[i].reduce((sum, n) => sum + n, 0) || 1;
  const right = i === j, share = count / Math.max(1, data.support[i] || all), id = `${data.shown[i]}-${data.shown[j]}`;
  const look = `m-cell${right ? " is-right" : count ? " is-wrong" : ""}${id === data.chosen ? " is-chosen" : ""}`;
  const said = right
    ? `${count} of ${data.support[i]} images of ${data.names[i]} are named right`
    : `${count} of ${data.support[i]} images of ${data.names[i]} are answered ${data.names[j]}`;
  const depth = count ? (0.14 + 0.86 * Math.sqrt(share)).toFixed(3) : 0;
  return `<td><button type="button" class="${look}" style="--depth:${depth}" data-cell="${id}" title="${safe(said)}" aria-label="${safe(said)}"` +
    `${id === data.chosen ? ' aria-pressed="true"' : ""}${count ? "" : " disabled"} tabindex="${count ? 0 : -1}">${count || ""}</button></td>`;
}

function draw(root, data) {
  const heads = data.names.map((name) => `<th scope="col"><span title="${safe(name)}"><bdi>${safe(name)}</bdi></span></th>`).join("");
  const rows = data.names.map((name, i) =>
    `<tr><th scope="row" title="${safe(name)}"><bdi>${safe(name)}</bdi><small>${data.support[i]}</small></th>${data.names.map((_, j) => cellOf(data, i, j)).join("")}</tr>`).join("");
  root.dataset.size = data.names.length <= 4 ? "large" : data.names.length <= 12 ? "middle" : "small";
  root.innerHTML = `<div class="m-scroll"><table aria-label="Confusion matrix: rows are labels, columns are answers">` +
    `<thead><tr><th class="m-corner"><span>label</span><span>answer →</span></th>${heads}</tr></thead><tbody>${rows}</tbody></table></div>`;
}

// Streamlit calls this at every script run with the same parent.
export default function (component) {
  const { parentElement: parent, data, setTriggerValue } = component;
  let root = parent.querySelector(".thaw-matrix");
  if (!root) {
    root = document.createElement("div");
    root.className = "thaw-matrix";
    parent.append(root);
    root.addEventListener("click", (event) => {
      const cell = event.target.closest("[data-cell]");
      if (cell) root.choose(cell.dataset.cell);
    });
  }
  root.choose = (cell) => {
    root.querySelectorAll(".m-cell").forEach((one) => one.classList.toggle("is-chosen", one.dataset.cell === cell));
    setTriggerValue("cell", cell);
  };
  const text = JSON.stringify(data);
  if (root.dataset.drawn !== text) { root.dataset.drawn = text; draw(root, data); }
}
