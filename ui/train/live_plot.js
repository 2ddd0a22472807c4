// The figure of the live chart: rows in, plotly traces and layout out. No fetching, no state.
// Concatenated before live_coach.js and live_chart.js by ui/train/live_chart.py; all are one module in the browser.

const X_OF = { epochs: "epoch", seconds: "seconds", images: "images" };
const X_TITLE = { epochs: "epochs", seconds: "seconds of training", images: "images seen" };
const MANY = 2500; // points per curve; above it, every n-th is drawn

function thawFigure({ runs, axis, width, height, showTrain, logLoss, look, view }) {
  const single = runs.length === 1;
  const strip = runs.some((run) => thawFlagged(run, single).length) ? FLAG_STRIP : 0;
  const panels = thawPanels(single && !thawSolvedOnly(runs[0]), width, height, strip);
  const traces = [];
  runs.forEach((run, index) => traces.push(...(single ? thawSingle(run, axis) : thawOverlay(run, axis, showTrain, index))));
  if (single && panels.lr) traces.push(...thawRates(runs[0], axis));
  return { traces, layout: thawLayout({ runs, single, axis, panels, width, logLoss, look, view, strip }), total: panels.total };
}

// A head that is solved has no learning rate: its panel would be empty.
function thawSolvedOnly(run) {
  const phases = run.about.phases || [];
  return phases.length > 0 && phases.every((phase) => phase.solved);
}

function thawCurve(run, axis, name, panel, style) {
  const keep = (row) => row[name] !== null && row[name] !== undefined;
  const kept = run.rows.filter(keep);
  const step = Math.max(1, Math.ceil(kept.length / MANY));
  const drawn = step === 1 ? kept : kept.filter((_, i) => i % step === 0 || i === kept.length - 1);
  const suffix = panel === 1 ? "" : String(panel);
  const share = name.endsWith("accuracy");
  return {
    type: "scatter",
    x: drawn.map((row) => row[X_OF[axis]]),
    y: drawn.map((row) => row[name]),
    xaxis: "x" + suffix,
    yaxis: "y" + suffix,
    showlegend: false,
    hovertemplate: share ? "%{y:.1%}" : "%{y:.3g}",
    ...style,
  };
}

function thawSingle(run, axis) {
  const colour = run.about.colour;
  const train = { name: "train", mode: "lines", line: { color: colour, width: 2.5, dash: "solid" } };
  const val = {
    name: "validation",
    mode: "lines+markers",
    line: { color: colour, width: 1.8, dash: "dash" },
    marker: { symbol: run.about.marker, size: 7, color: colour },
  };
  return [
    thawCurve(run, axis, "train_loss", 1, train),
    thawCurve(run, axis, "val_loss", 1, val),
    thawCurve(run, axis, "train_accuracy", 2, train),
    thawCurve(run, axis, "val_accuracy", 2, val),
    ...thawDomains(run, axis),
  ];
}

// Two domains: what aligns them, and how the target fares. Only runs that adapt have such rows.
function thawDomains(run, axis) {
  const curves = [
    ["align_loss", 1, { name: "alignment", mode: "lines", line: { color: "#1F9E9E", width: 1.6, dash: "dot" } }],
    ["domain_accuracy", 2, { name: "domain told apart", mode: "lines", line: { color: "#8C7B5E", width: 1.4, dash: "dot" } }],
    ["target_accuracy", 2, { name: "target, labels only judge", mode: "lines+markers", line: { color: run.about.colour, width: 2.2, dash: "longdash" }, marker: { symbol: "star", size: 9, color: run.about.colour } }],
  ];
  const end = (name) => run.rows.filter((row) => row[name] !== null && row[name] !== undefined).length;
  return curves.filter(([name]) => end(name)).map(([name, panel, style]) => ({ ...thawCurve(run, axis, name, panel, style), showlegend: true }));
}

function thawOverlay(run, axis, showTrain, index) {
  const { colour, dash, marker } = run.about;
  const name = run.label;
  const val = {
    name,
    mode: "lines+markers",
    line: { color: colour, width: 2, dash },
    // A second run of the same strategy (another seed) has the same colour: its markers are hollow.
    // Of a long run only some markers are drawn: twenty runs of a hundred epochs would take the browser seconds.
    marker: { symbol: run.twin ? marker + "-open" : marker, size: 7, color: colour, maxdisplayed: run.rows.length > 40 ? 16 : 0 },
    hovertemplate: undefined,
  };
  const curves = [];
  for (const [what, panel] of [["loss", 1], ["accuracy", 2]]) {
    const number = what === "loss" ? "%{y:.3g}" : "%{y:.1%}";
    curves.push({ ...thawCurve(run, axis, "val_" + what, panel, val), hovertemplate: `${name}: ${number}<extra></extra>` });
    const train = { name: name + ", train", mode: "lines", line: { color: colour, width: 1.2, dash: "solid" }, opacity: 0.45 };
    if (showTrain) curves.push({ ...thawCurve(run, axis, "train_" + what, panel, train), hovertemplate: `${name}, train: ${number}<extra></extra>` });
  }
  return curves;
}

function thawRates(run, axis) {
  const stages = run.about.stages || [];
  const traces = [];
  stages.forEach((stage, i) => {
    const values = run.rows.map((row) => (row.lrs && row.lrs[i] > 0 ? row.lrs[i] : null));
    if (!values.some((value) => value !== null)) return;
    const head = i === stages.length - 1;
    const share = stages.length > 1 ? i / (stages.length - 1) : 1;
    traces.push({
      type: "scatter", mode: "lines", name: stage, showlegend: false, xaxis: "x3", yaxis: "y3",
      x: run.rows.map((row) => row[X_OF[axis]]), y: values, connectgaps: false,
      line: { color: head ? "#F2784B" : `rgba(242,120,75,${0.25 + 0.55 * share})`, width: head ? 2.2 : 1.5, dash: head ? "solid" : "dot" },
      hovertemplate: "%{y:.2g}",
    });
  });
  return traces;
}

// Where the panels lie: side by side when wide, stacked when narrow. Domains are shares of the plotting area; `strip`
// is the room above loss and accuracy for the coach's flags, px.
function thawPanels(rated, width, height, strip) {
  if (width < 560) {
    const parts = rated ? [1, 1, 0.62] : [1, 1];
    const gap = 72 + strip, sum = parts.reduce((a, b) => a + b, 0) * height + gap * (parts.length - 1);
    let top = 1;
    const at = parts.map((part) => {
      const share = (part * height) / sum, place = { x: [0, 1], y: [Math.max(0, top - share), top] };
      top -= share + gap / sum;
      return place;
    });
    return { loss: at[0], accuracy: at[1], lr: at[2], total: sum + 70 + strip };
  }
  if (!rated) return { loss: { x: [0, 0.465], y: [0, 1] }, accuracy: { x: [0.535, 1], y: [0, 1] }, total: height + 70 + strip };
  if (width >= 980)
    return { loss: { x: [0, 0.35], y: [0, 1] }, accuracy: { x: [0.405, 0.755], y: [0, 1] }, lr: { x: [0.82, 1], y: [0, 1] }, total: height + 70 + strip };
  const low = 110, gap = 76, sum = height + gap + low;
  return {
    loss: { x: [0, 0.46], y: [1 - height / sum, 1] }, accuracy: { x: [0.54, 1], y: [1 - height / sum, 1] },
    lr: { x: [0, 1], y: [0, low / sum] }, total: sum + 70 + strip,
  };
}

function thawLayout({ runs, single, axis, panels, width, logLoss, look, view, strip }) {
  const shapes = [], annotations = [];
  const font = { family: look.font, size: 12, color: look.muted };
  const names = single ? ["loss", "accuracy", "learning rate by stage"] : ["validation loss", "validation accuracy"];
  const places = [panels.loss, panels.accuracy, panels.lr].filter(Boolean);
  const solved = runs.some((run) => (run.about.phases || []).some((phase) => phase.solved));
  const layout = {
    uirevision: axis + (logLoss ? "-log" : ""), // stays the same while rows arrive: that is what keeps the zoom
    autosize: false, width, height: panels.total, margin: { l: 48, r: 10, t: 30 + strip, b: 40 },
    paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)", font, showlegend: false,
    hovermode: single ? "x unified" : "closest",
    hoverlabel: { bgcolor: look.card, bordercolor: look.line, font: { family: look.font, size: 12, color: look.ink } },
    shapes, annotations,
  };
  places.forEach((place, i) => {
    const n = i ? String(i + 1) : "";
    layout["xaxis" + n] = {
      domain: place.x, anchor: "y" + n, matches: i ? "x" : undefined, gridcolor: look.faint, linecolor: look.line, showline: true,
      zeroline: false, ticks: "", nticks: place.x[1] - place.x[0] < 0.25 ? 4 : 7, rangemode: "tozero",
      title: { text: axis === "epochs" && solved ? "epochs, solver passes included" : X_TITLE[axis], font, standoff: 6 }, hoverformat: axis === "images" ? ",.0f" : ".2f",
    };
    layout["yaxis" + n] = {
      domain: place.y, anchor: "x" + n, gridcolor: look.faint, zeroline: false, ticks: "", automargin: false,
      ...(i === 0 ? { type: logLoss ? "log" : "linear", rangemode: logLoss ? "normal" : "tozero" } : {}),
      ...(i === 1 ? { tickformat: ".3~%", autorangeoptions: { clipmin: 0, clipmax: 1.02 } } : {}),
      ...(i === 2 ? { type: "log", exponentformat: "e", dtick: 1 } : {}),
    };
    annotations.push({
      text: `<b>${names[i]}</b>`, showarrow: false, xref: "paper", yref: "paper", x: place.x[0], y: place.y[1],
      xanchor: "left", yanchor: "bottom", yshift: 6 + (place === panels.lr ? 0 : strip), font: { ...font, size: 13, color: look.ink },
    });
    if (single) thawBands(runs[0], axis, i, place, width, look, shapes, annotations);
    if (place !== panels.lr) thawFlags({ runs, axis, panel: i, place, width: width - 58, view, look, single, shapes, annotations });
  });
  const head = single && panels.lr ? runs[0].rows[runs[0].rows.length - 1] : null, top = head?.lrs?.[head.lrs.length - 1];
  if (top > 0) annotations.push({
    text: "head", showarrow: false, xref: "x3", yref: "y3", x: head[X_OF[axis]], y: Math.log10(top), xanchor: "right", yanchor: "bottom", yshift: 8, font: { size: 11, color: look.muted, family: look.font },
  });
  return layout;
}

// Faint bands where the phase changes, from the rows themselves, so that they fit every axis.
function thawBands(run, axis, panel, place, width, look, shapes, annotations) {
  const n = panel ? String(panel + 1) : "", key = X_OF[axis], starts = [];
  run.rows.forEach((row, i) => {
    if (row.phase !== null && (!starts.length || starts[starts.length - 1].phase !== row.phase)) {
      // A phase begins where the last row of the one before it ends.
      starts.push({ phase: row.phase, x: i ? run.rows[i - 1][key] : 0 });
    }
  });
  if (starts.length < 2) return;
  const last = run.rows[run.rows.length - 1][key], phases = run.about.phases || [];
  starts.forEach((start, i) => {
    const from = start.x, to = i + 1 < starts.length ? starts[i + 1].x : last;
    if (i % 2) shapes.push({ type: "rect", layer: "below", xref: "x" + n, yref: `y${n} domain`, x0: from, x1: to, y0: 0, y1: 1, line: { width: 0 }, fillcolor: look.band });
    const what = phases[start.phase]?.what, room = ((to - from) / (last || 1)) * (place.x[1] - place.x[0]) * width * 0.9;
    if (panel === 0 && what && room > what.length * 6.2) annotations.push({
      text: what, showarrow: false, xref: "x", yref: "y domain", x: (from + to) / 2, y: 1, yanchor: "top", font: { size: 10.5, color: look.muted, family: look.font },
    });
    if (i) shapes.push({ type: "line", layer: "below", xref: "x" + n, yref: `y${n} domain`, x0: from, x1: from, y0: 0, y1: 1, line: { width: 1, color: look.line, dash: "dot" } });
  });
}
