// The live chart: polls /thaw/live, draws headline, progress, freeze map and curves; one instance per mount.
// Nothing is decided here; what a run is and does comes from the server. Mounted by ui/train/live_chart.py.

const FAST = 500, LONGEST = 1000, SLOW = 2000, RETRY = [700, 1500, 3000];
const AFTER = 80, SPACINGS = 6; // ms after a row is due; rows whose spacing tells when that is
const OVER = ["finished", "failed", "stopped", "lost"];
const STATE = { queued: "○ queued", running: "▶ training", finished: "✓ finished", stopped: "■ stopped, best kept", failed: "× failed", lost: "! worker lost" };
const TONE = { running: "is-trained", finished: "is-good", failed: "is-bad", lost: "is-bad" };

const text = (value) => String(value ?? "").replace(/[&<>"]/g, (c) => ({ "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" })[c]);
const pct = (value, digits = 1) => (value === null || value === undefined ? "–" : (100 * value).toFixed(digits) + "%");
function span(seconds) {
  if (seconds === null || seconds === undefined) return "";
  if (seconds > 0 && seconds < 0.95) return "under 1 s";
  const s = Math.round(seconds);
  if (s < 60) return `${s} s`;
  if (s < 3600) return `${Math.floor(s / 60)} min ${String(s % 60).padStart(2, "0")} s`;
  return `${Math.floor(s / 3600)} h ${String(Math.floor((s % 3600) / 60)).padStart(2, "0")} min`;
}
function rate(value) {
  const [mantissa, exponent] = value.toExponential(1).split("e");
  return Number(exponent) === 0 ? String(Number(mantissa)) : `${Number(mantissa)}e${Number(exponent)}`;
}

// Rows count each pass of a solver as one epoch; people do not: pass 12 of 20, then epoch 3 of 7.
function moment(about, epoch) {
  let passes = 0;
  for (const phase of about.phases) {
    if (phase.solved && epoch <= phase.to) return { solved: true, count: epoch - phase.from, of: phase.to - phase.from };
    if (phase.solved) passes += phase.to - phase.from;
    if (epoch <= phase.to) break;
  }
  return { solved: false, count: epoch - passes, of: about.epochs };
}

// Milliseconds until a row should be there to fetch, 0 where that is not known or it is late.
function thawDue(written, now) {
  const gaps = written.slice(1).map((at, i) => at - written[i]).sort((a, b) => a - b);
  return gaps.length < 2 ? 0 : Math.max(0, 1000 * (written[written.length - 1] + gaps[gaps.length >> 1] - now) + AFTER);
}

class LiveChart {
  constructor(parent, data) {
    this.data = data;
    this.axis = data.axis;
    this.runs = data.runs.map((id) => ({ id, mark: "", after: -1, seen: 0, rows: [], events: [], info: null, about: null }));
    this.single = this.runs.length === 1;
    this.updates = 0;
    this.failures = 0;
    this.root = document.createElement("section");
    this.root.className = "thaw-live";
    this.root.setAttribute("aria-label", this.single ? "Live training curves" : "Curves of several runs");
    this.root.innerHTML = this.frame();
    parent.append(this.root);
    this.find = (name) => this.root.querySelector(".l-" + name);
    this.bind();
    this.poll();
    thawLoadPlotly(data.plotly).then((plotly) => { this.plotly = plotly; this.draw(); }).catch(() => this.offline(true));
  }

  frame() {
    const name = "axis-" + Math.random().toString(36).slice(2);
    const radios = Object.keys(X_OF).map((axis) => `<label><input type="radio" name="${name}" value="${axis}" ${axis === this.axis ? "checked" : ""}>${axis}</label>`).join("");
    const top = this.single
      ? '<div class="l-head"><span class="l-title"></span><span class="l-state" aria-live="polite"></span><span class="l-eta"></span></div>' +
        '<div class="l-head"><span class="l-big"></span><span class="l-note"></span></div>' +
        '<div class="l-bar" role="progressbar" aria-valuemin="0" aria-valuemax="100" aria-label="Progress"><div></div></div><div class="l-doing"></div><div class="l-freeze"></div>'
      : '<div class="l-runs"></div>';
    const keys = this.single
      ? '<span class="l-key"><svg width="28" height="8" aria-hidden="true"><line x2="28" y1="4" y2="4" stroke="currentColor" stroke-width="2.5"/></svg>train</span>' +
        '<span class="l-key"><svg width="28" height="8" aria-hidden="true"><line x2="28" y1="4" y2="4" stroke="currentColor" stroke-width="2" stroke-dasharray="6 4"/><circle cx="14" cy="4" r="3.4" fill="currentColor"/></svg>validation</span>'
      : '<label class="l-check"><input type="checkbox" class="l-train">train curves (thin)</label>';
    const reset = '<button type="button" class="l-reset" hidden>Reset zoom</button>';
    return `${top}<div class="l-tools"><fieldset><legend style="float:left;padding:0 12px 0 0">Against</legend>${radios}</fieldset>${keys}` +
      '<label class="l-check"><input type="checkbox" class="l-log-loss">loss on a log scale</label>' + reset +
      '<span class="l-offline" role="status">Connection lost, retrying. Training goes on without this page.</span></div>' +
      `<div class="l-empty" style="height:${this.data.height + 70}px"></div><div class="l-plot" role="img"></div>${this.single ? '<div class="l-coach" aria-label="Coach" aria-live="polite"></div><ul class="l-log" aria-label="What happened"></ul>' : ""}`;
  }

  bind() {
    this.root.querySelectorAll("fieldset input").forEach((input) => input.addEventListener("change", () => { this.axis = input.value; this.draw(); }));
    this.root.querySelectorAll(".l-train, .l-log-loss").forEach((input) => input.addEventListener("change", () => this.draw()));
    this.find("reset").addEventListener("click", () => {
      const axes = Object.keys(this.find("plot")._fullLayout).filter((name) => /^[xy]axis\d*$/.test(name));
      this.plotly.relayout(this.find("plot"), Object.fromEntries(axes.map((name) => [name + ".autorange", true])));
    });
    this.sizes = new ResizeObserver(() => { if (Math.abs(this.root.clientWidth - (this.drawnWidth || 0)) > 1) this.draw(); });
    this.sizes.observe(this.root);
    // A switch between light and dark reaches this chart through inherited colours only: look now and then.
    this.watch = setInterval(() => { if (this.drawnInk && getComputedStyle(this.root).color !== this.drawnInk) this.draw(); }, 1000);
    this.woken = () => { if (document.hidden) return; if (this.waiting) this.draw(); this.kick(); };
    document.addEventListener("visibilitychange", this.woken);
  }

  kick() { if (!this.busy) { clearTimeout(this.timer); this.poll(); } }

  async poll() {
    if (this.gone) return;
    this.busy = true;
    const answer = await this.ask();
    this.busy = false;
    if (this.gone) return;
    this.offline(answer === null);
    if (answer === null) {
      this.timer = setTimeout(() => this.poll(), RETRY[Math.min(this.failures++, RETRY.length - 1)]);
      return;
    }
    this.failures = 0;
    if (answer.error) return this.missing(answer.error);
    this.take(answer);
    const states = this.runs.map((run) => run.info.state);
    if (states.every((state) => OVER.includes(state))) return; // until the page kicks: nothing can change by itself
    this.timer = setTimeout(() => this.poll(), this.pause(answer.now));
  }

  // Until the next question, ms. Rows come at an even pace: asked just after one is due, it is fresher than by asking
  // more often, and the server and this browser have less to do. now: the server's clock, by which rows are dated.
  pause(now) {
    const running = this.runs.filter((run) => run.info.state === "running");
    if (!running.length || document.hidden) return SLOW;
    const due = Math.min(...running.map((run) => thawDue(run.rows.slice(-SPACINGS).map((row) => row.written), now)));
    return due > FAST ? Math.min(due, LONGEST) : FAST;
  }

  // The server's answer; {error} when a run is not there; null when it cannot be reached or has a bad moment.
  async ask() {
    const query = this.runs.map((run) => `run=${run.id}&after=${run.after}&seen=${run.seen}&mark=${run.mark}`).join("&");
    try {
      const response = await fetch(`${this.data.live}?${query}`, { cache: "no-store", signal: AbortSignal.timeout(8000) });
      return response.ok || response.status === 404 ? await response.json() : null;
    } catch {
      return null;
    }
  }

  take(answer) {
    let fresh = false;
    const ended = [];
    answer.runs.forEach((info, i) => {
      const run = this.runs[i];
      if (info.reset) { fresh ||= run.rows.length > 0; run.rows = []; run.events = []; run.after = -1; run.seen = 0; }
      if (info.columns) { this.columns = info.columns; run.about = info.about; }
      for (const values of info.rows) {
        const row = Object.fromEntries(this.columns.map((name, n) => [name, values[n]]));
        if (row.row > run.after) { run.rows.push(row); run.after = row.row; fresh = true; }
      }
      for (const event of info.events) {
        if (event.id <= run.seen) continue;
        run.events.push(event);
        run.seen = event.id;
        fresh = true;
        if (event.kind === "lr_range" && run.active) ended.push(run.id); // there is something new for the page to draw
      }
      run.mark = info.mark;
      const active = !OVER.includes(info.state);
      if (run.active && !active) ended.push(run.id);
      run.active = active;
      run.info = info;
    });
    this.label();
    this.heads();
    if (fresh) { this.updates += 1; this.draw(); }
    this.report();
    if (ended.length) this.finished?.(ended);
  }

  label() {
    const seen = {};
    for (const run of this.runs) {
      const same = this.runs.filter((other) => other.about.title === run.about.title);
      run.label = same.length > 1 ? `${run.about.title}, ${new Set(same.map((o) => o.about.seed)).size > 1 ? "seed " + run.about.seed : run.id}` : run.about.title;
      run.twin = Boolean(seen[run.about.title]);
      seen[run.about.title] = true;
    }
  }

  heads() {
    if (!this.single) {
      // Full bars say nothing once all has ended: then this is only the legend.
      const over = this.runs.every((run) => OVER.includes(run.info.state));
      this.find("runs").classList.toggle("is-legend", over);
      if (over) {
        this.find("runs").innerHTML = this.runs.map((run) => `<span class="l-name">${run.about.mark}<span>${text(run.label)}</span><small>${this.brief(run)}</small></span>`).join("");
        return;
      }
      this.find("runs").innerHTML = this.runs.map((run) => {
        const { info } = run, share = OVER.includes(info.state) && info.state !== "failed" && info.state !== "lost" ? 1 : info.progress;
        return `<span class="l-name">${run.about.mark}<span>${text(run.label)}</span></span><div class="l-bar"><div style="width:${100 * share}%;background:${run.about.colour}"></div></div><span>${this.brief(run)}</span>`;
      }).join("");
      return;
    }
    const run = this.runs[0], { info } = run;
    this.html("title", `${run.about.mark}<span>${text(run.about.title)}</span>`);
    this.html("state", `<span class="thaw-badge ${TONE[info.state] || ""}" data-state="${info.state}">${info.stopping ? "■ stopping, keeps the best" : STATE[info.state]}</span>`);
    this.html("eta", info.state === "running" && info.eta_s !== null ? (info.eta_s < 1 ? "finishing" : `about ${span(info.eta_s)} left`) : info.state === "queued" ? `${info.ahead} ahead of it` : span(info.seconds));
    const [big, note] = this.headline(run);
    this.html("big", text(big));
    this.html("note", text(note));
    const bar = this.find("bar"), done = info.state === "finished" ? 100 : 100 * info.progress;
    bar.className = "l-bar " + this.tone(info);
    bar.firstChild.style.width = done + "%";
    bar.setAttribute("aria-valuenow", Math.round(done));
    this.html("doing", text(info.error || info.doing || ""));
    if (this.data.freeze) this.thaw(run);
    this.html("coach", thawCoach(run));
    this.html("log", thawLog(run));
    this.find("empty").textContent = info.state === "queued" ? "Waiting for its turn. The curves appear here." : OVER.includes(info.state) ? "This run ended before its first measurement." : "The first measurement is on its way.";
  }

  headline(run) {
    const { info, rows } = run, result = info.result;
    const scored = rows.filter((row) => row.val_accuracy !== null), last = scored[scored.length - 1];
    if (result && result.test_accuracy !== null && result.test_accuracy !== undefined) {
      const range = result.low !== undefined ? ` (${(100 * result.low).toFixed(0)}–${(100 * result.high).toFixed(0)})` : "";
      return [`${pct(result.test_accuracy)}${range}`, `test accuracy, ${result.test_correct} of ${result.test_total} images right; 95% interval in brackets`];
    }
    if (!last) return [info.state === "queued" ? "Queued" : OVER.includes(info.state) ? "No result" : "Starting", ""];
    const best = scored.reduce((a, b) => (b.val_accuracy > a.val_accuracy ? b : a)), newest = rows[rows.length - 1];
    const then = moment(run.about, best.epoch), now = moment(run.about, newest.epoch);
    const at = `${then.solved ? "solver pass" : "epoch"} ${then.count.toFixed(0)}`;
    const here = now.solved ? `Solver pass ${now.count.toFixed(0)}` : `Epoch ${now.count.toFixed(1)}`;
    return [pct(last.val_accuracy), `validation accuracy; best ${pct(best.val_accuracy)} at ${at}. ${here}${now.of ? " of " + now.of : ""}`];
  }

  brief(run) {
    const { info, rows } = run, result = info.result;
    if (result && result.test_accuracy !== null && result.test_accuracy !== undefined) {
      const target = result.target_accuracy ?? null, own = `${pct(result.test_accuracy)}${target === null ? "</b> test" : " on the source"}`;
      return `<b>${target === null ? own : pct(target) + "</b> on the target, " + own}, ${span(result.seconds ?? info.seconds)}`;
    }
    if (info.state === "queued") return "○ queued";
    if (info.state === "failed" || info.state === "lost") return STATE[info.state];
    const scored = rows.filter((row) => row.val_accuracy !== null), last = scored[scored.length - 1];
    return `<b>${last ? pct(last.val_accuracy) : "–"}</b> validation${info.state === "running" && info.eta_s !== null ? ", " + span(info.eta_s) + " left" : ""}`;
  }

  tone(info) { return info.state === "finished" || info.state === "stopped" ? "is-over" : info.state === "failed" || info.state === "lost" ? "is-broken" : ""; }

  html(name, value) {
    const target = this.find(name);
    if (target.__value !== value) { target.innerHTML = value; target.__value = value; }
  }

  thaw(run) {
    const box = this.find("freeze");
    if (!box.firstChild && run.about.freeze) box.innerHTML = run.about.freeze;
    const row = run.rows[run.rows.length - 1], phase = run.about.phases?.[row?.phase];
    if (!row || row.boundary === null) return;
    box.querySelectorAll(".thaw-block").forEach((block) => {
      const stage = Number(block.dataset.stage), trained = phase?.trained ? phase.trained[stage] : stage >= row.boundary;
      block.classList.toggle("is-trained", trained);
      block.classList.toggle("is-frozen", !trained);
      const label = box.querySelector(`[data-lr="${stage}"]`), lr = row.lrs?.[stage];
      if (label) { label.textContent = !trained ? "frozen" : lr > 0 && lr < 1 ? rate(lr) : "solved"; label.classList.toggle("is-off", !trained); }
    });
    // Shown instead of the labels when there is little room.
    const spans = box.querySelector(".thaw-spans");
    if (spans) spans.innerHTML = `<text x="0" y="60">trained: ${text(phase?.what ?? "")}</text>`;
    this.root.dataset.boundary = row.boundary;
  }

  draw() {
    const plot = this.find("plot"), width = this.root.clientWidth, empty = this.runs.every((run) => !run.rows.length);
    this.find("empty").hidden = !empty;
    this.find("empty").style.display = empty ? "" : "none";
    if (!this.plotly || empty || !width || this.gone) return;
    this.waiting = document.hidden; // a tab that nobody sees draws when it is seen
    if (this.waiting) return;
    const style = getComputedStyle(this.root);
    const look = { ink: style.color, font: style.fontFamily, ...this.colours() };
    const figure = thawFigure({
      runs: this.runs.filter((run) => run.about), axis: this.axis, width, height: this.data.height, look,
      showTrain: this.root.querySelector(".l-train")?.checked ?? false, logLoss: this.root.querySelector(".l-log-loss").checked,
      view: this.drawnAxis === this.axis && plot._fullLayout?.xaxis?.autorange === false ? plot._fullLayout.xaxis.range : null,
    });
    this.drawnAxis = this.axis;
    this.drawnWidth = width;
    this.drawnInk = style.color;
    plot.setAttribute("aria-label", this.runs.map((run) => `${run.label}: ${this.headline(run).join(" ")}`).join(". "));
    this.plotly.react(plot, figure.traces, figure.layout, { displaylogo: false, responsive: false, modeBarButtonsToRemove: ["select2d", "lasso2d", "autoScale2d"] }).then(() => {
      // Drawn again, because flags that share a place come apart in a zoom.
      if (!this.listening) { this.listening = true; plot.on("plotly_relayout", () => this.draw()); }
      this.zoomed();
    });
    this.root.dataset.drawn = this.updates;
  }

  // Of the theme, as the browser resolves them. One element for each: setting one variable after the other made the
  // browser work out the style of the whole chart anew seven times, 40 % of what a drawing cost.
  colours() {
    const names = { muted: "muted", line: "line", faint: "faint", card: "card", bad: "bad-text", caution: "caution-text", band: "band" };
    this.samples ??= Object.entries(names).map(([as, name]) => [as, this.root.appendChild(Object.assign(document.createElement("i"), { hidden: true, style: `color: var(--thaw-${name})` }))]);
    return Object.fromEntries(this.samples.map(([as, sample]) => [as, getComputedStyle(sample).color]));
  }

  zoomed() { this.find("reset").hidden = ["xaxis", "yaxis", "yaxis2"].every((name) => this.find("plot")._fullLayout[name].autorange !== false); }

  report() {
    const rows = this.runs.map((run) => run.rows[run.rows.length - 1]).filter(Boolean), newest = Math.max(...rows.map((row) => row.written), 0);
    Object.assign(this.root.dataset, {
      updates: this.updates, lastRow: Math.max(-1, ...this.runs.map((run) => run.after)), rows: this.runs.reduce((sum, run) => sum + run.rows.length, 0),
      state: this.runs.map((run) => run.info.state).join(","), axis: this.axis,
    });
    if (newest !== this.newest) { this.root.dataset.lagMs = Math.round(Date.now() - 1000 * newest); this.newest = newest; }
  }

  offline(on) { this.root.classList.toggle("is-offline", on); this.root.dataset.offline = on; }

  missing(sentence) {
    this.find("empty").textContent = sentence;
    this.find("empty").style.display = "";
    this.find("plot").style.display = "none";
    this.root.dataset.state = "missing";
  }

  destroy() {
    this.gone = true;
    clearTimeout(this.timer);
    clearInterval(this.watch);
    this.sizes.disconnect();
    document.removeEventListener("visibilitychange", this.woken);
    if (this.plotly) this.plotly.purge(this.find("plot"));
    this.root.remove();
  }
}

// Streamlit calls this at every script run with the same parent; only another set of runs builds anew.
export default function (component) {
  const { parentElement: parent, data, setTriggerValue } = component;
  let chart = parent.__thawChart;
  clearTimeout(parent.__thawLeaving);
  if (!chart || chart.gone || chart.data.runs.join() !== data.runs.join()) {
    chart?.destroy();
    chart = parent.__thawChart = new LiveChart(parent, data);
  } else {
    chart.data = { ...data, axis: chart.axis };
    chart.kick();
  }
  chart.finished = (ids) => setTriggerValue("finished", ids.join(","));
  return () => { parent.__thawLeaving = setTimeout(() => chart.destroy(), 300); };
}
