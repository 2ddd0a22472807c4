// The drop zone: sends archives, folders and images to /thaw/uploads as they lie on the visitor's disk. Files travel in
// batches, many small ones in one request; the server writes them as they arrive. Streamlit is told once, at the end.

const BATCH_FILES = 200, BATCH_BYTES = 16 * 2 ** 20, AT_ONCE = 3;

const suffix = (name) => (name.includes(".") ? name.slice(name.lastIndexOf(".") + 1).toLowerCase() : "");
const size = (bytes) =>
  bytes >= 1e9 ? `${(bytes / 1e9).toFixed(1)} GB` : bytes >= 1e6 ? `${(bytes / 1e6).toFixed(0)} MB` : `${Math.ceil(bytes / 1e3)} kB`;
const time = (seconds) => (seconds < 90 ? `${Math.ceil(seconds)} s` : `${Math.ceil(seconds / 60)} min`);
const count = (n) => n.toLocaleString("en");

function token() {
  const found = document.cookie.split("; ").find((one) => one.startsWith("_streamlit_xsrf="));
  return found ? decodeURIComponent(found.slice(found.indexOf("=") + 1)) : "";
}

// One request with progress, which fetch() does not tell. Rejects with a sentence.
function send(method, url, body, on, requests) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    requests.add(request);
    request.open(method, url);
    request.setRequestHeader("X-Xsrftoken", token());
    request.upload.onprogress = (event) => on(event.loaded);
    request.onloadend = () => {
      requests.delete(request);
      if (request.status >= 200 && request.status < 300) resolve(request.responseText && JSON.parse(request.responseText));
      else {
        let sentence = "The connection to the server broke. Check that Thaw still runs, and try again.";
        try { sentence = JSON.parse(request.responseText).error || sentence; } catch { /* no sentence came */ }
        reject(new Error(sentence));
      }
    };
    request.send(body);
  });
}

// Every file below what was dropped, with its path. Browsers hand out a folder's entries in parts.
async function walk(entry, path, found) {
  const name = path ? `${path}/${entry.name}` : entry.name;
  if (entry.isFile) {
    found.push({ path: name, file: await new Promise((resolve, reject) => entry.file(resolve, reject)) });
    return;
  }
  const reader = entry.createReader();
  for (;;) {
    const part = await new Promise((resolve, reject) => reader.readEntries(resolve, reject));
    if (!part.length) return;
    await Promise.all(part.map((one) => walk(one, name, found)));
  }
}

function batches(files) {
  const made = [];
  let now = [], bytes = 0;
  for (const one of files) {
    if (now.length && (now.length >= BATCH_FILES || bytes + one.file.size > BATCH_BYTES)) {
      made.push({ files: now, bytes });
      now = []; bytes = 0;
    }
    now.push(one);
    bytes += one.file.size;
  }
  if (now.length) made.push({ files: now, bytes });
  return made;
}

class Zone {
  constructor(parent, data) {
    this.parent = parent;
    this.requests = new Set();
    this.root = document.createElement("div");
    this.root.className = "thaw-drop";
    parent.appendChild(this.root);
    this.data = data;
    this.idle();
    for (const name of ["dragenter", "dragover"]) this.root.addEventListener(name, (event) => this.over(event, true));
    for (const name of ["dragleave", "drop"]) this.root.addEventListener(name, (event) => this.over(event, false));
    this.root.addEventListener("drop", (event) => this.dropped(event));
  }

  over(event, inside) {
    event.preventDefault();
    this.root.classList.toggle("is-over", inside && !this.busy);
  }

  idle(error = "") {
    this.busy = false;
    const { title, hint, accept } = this.data;
    this.root.innerHTML = `<p class="thaw-drop-title"></p><p class="thaw-drop-hint"></p>
      <div class="thaw-drop-buttons">
        <label class="thaw-button">Choose a file<input type="file" multiple></label>
        <label class="thaw-button">Choose a folder<input type="file" webkitdirectory></label></div>
      <p class="thaw-drop-error" role="alert"></p>`;
    const [titleLine, hintLine, errorLine] = this.root.querySelectorAll("p");
    titleLine.textContent = title;
    hintLine.textContent = hint;
    errorLine.textContent = error;
    errorLine.hidden = !error;
    const [one, folder] = this.root.querySelectorAll("input");
    one.accept = accept;
    for (const input of [one, folder]) {
      input.addEventListener("change", () => {
        const files = [...input.files].map((file) => ({ path: file.webkitRelativePath || file.name, file }));
        if (files.length) this.upload(files);
      });
    }
  }

  async dropped(event) {
    if (this.busy) return;
    const entries = [...event.dataTransfer.items].map((item) => item.webkitGetAsEntry && item.webkitGetAsEntry()).filter(Boolean);
    const found = [];
    this.say("Looking through the folder …", 0);
    try {
      for (const entry of entries) await walk(entry, "", found);
    } catch (error) {
      this.idle(`The browser cannot read what was dropped: ${error.message || error.name}.`);
      return;
    }
    if (found.length) this.upload(found);
    else this.idle("There are no files in what was dropped.");
  }

  say(text, share, cancel) {
    this.busy = true;
    if (!this.bar || !this.root.contains(this.bar)) {
      this.root.innerHTML = `<p class="thaw-drop-title" role="status"></p><div class="thaw-drop-bar"><div></div></div>
        <div class="thaw-drop-buttons"><button type="button" class="thaw-button">Cancel upload</button></div>`;
      this.bar = this.root.querySelector(".thaw-drop-bar");
    }
    this.root.querySelector("p").textContent = text;
    this.bar.firstElementChild.style.width = `${Math.min(100, 100 * share).toFixed(1)}%`;
    const button = this.root.querySelector("button");
    button.hidden = !cancel;
    button.onclick = cancel;
  }

  async upload(files) {
    const litter = (path) => path.split("/").some((part) => part.startsWith(".") || part === "__MACOSX" || part === "Thumbs.db");
    const clean = files.filter(({ path }) => !litter(path));
    const single = clean.length === 1;
    const wanted = clean.filter(({ path }) => single || this.data.wanted.includes(suffix(path)));
    const kept = clean.filter((one) => !wanted.includes(one)).map(({ path }) => [path, -1]);
    const total = wanted.reduce((sum, { file }) => sum + file.size, 0);
    if (!wanted.length) { this.idle("None of these files is an image or an archive."); return; }
    if (total > this.data.most_bytes) { this.idle(this.data.too_large); return; }
    const what = single ? wanted[0].path : `${count(wanted.length)} files`;
    let opened = null, given = false, finished = 0;
    const loaded = new Map(), began = performance.now();
    const tell = () => {
      if (given) return;
      const sent = Math.min(total, finished + [...loaded.values()].reduce((a, b) => a + b, 0));
      const seconds = (performance.now() - began) / 1000;
      const left = sent && seconds > 1 ? (seconds * (total - sent)) / sent : 0;
      const eta = left >= 1 ? `, about ${time(left)} left` : "";
      this.say(`Uploading ${what}: ${size(sent)} of ${size(total)}${eta}`, total ? sent / total : 1, giveUp);
    };
    const giveUp = () => {
      given = true;
      for (const request of this.requests) request.abort();
      // The answer with the id may still be on its way.
      opened?.then(({ id }) => send("DELETE", `${this.data.at}/${id}`, null, () => {}, new Set())).catch(() => {});
      this.idle();
    };
    tell();
    try {
      opened = send("POST", this.data.at, null, () => {}, new Set());
      const { id } = await opened;
      const waiting = batches(wanted);
      if (kept.length) for (let at = 0; at < kept.length; at += 5000) waiting.unshift({ files: [], bytes: 0, kept: kept.slice(at, at + 5000) });
      const worker = async () => {
        for (let batch = waiting.shift(); batch && !given; batch = waiting.shift()) {
          const names = JSON.stringify([...(batch.kept || []), ...batch.files.map(({ path, file }) => [path, file.size])]);
          const body = new Blob([names, "\n", ...batch.files.map(({ file }) => file)]);
          await send("PUT", `${this.data.at}/${id}`, body, (bytes) => { loaded.set(batch, Math.min(bytes, batch.bytes)); tell(); }, this.requests);
          loaded.delete(batch);
          finished += batch.bytes;
          tell();
        }
      };
      await Promise.all(Array.from({ length: AT_ONCE }, worker));
      if (given) return;
      this.say(`${what} arrived`, 1);
      setTimeout(() => this.idle(), 1500);
      const top = wanted[0].path.split("/")[0];
      this.done({ id, name: single || wanted.some(({ path }) => !path.startsWith(`${top}/`)) ? "" : top });
    } catch (error) {
      if (given) return;
      giveUp();
      this.idle(error.message);
    }
  }
}

export default function (component) {
  const { parentElement: parent, data, setTriggerValue } = component;
  const zone = parent.__thawZone || (parent.__thawZone = new Zone(parent, data));
  zone.data = data;
  zone.done = (upload) => setTriggerValue("uploaded", upload);
}
