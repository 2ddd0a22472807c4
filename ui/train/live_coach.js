// The coach on the live chart: its flags on the curves and its panel below them. Events in, drawing out; no state.
// Between live_plot.js and live_chart.js in one module (ui/train/live_chart.py). An event with a title is the coach's own.

const SIGN = { info: "i", caution: "!", bad: "×" };
const RANK = ["info", "caution", "bad"];
const FLAG_GAP = 30; // px; flags closer than this are drawn as one, with their number
const FLAG_STRIP = 24; // px above a panel, where the flags fly
const HOVER_LETTERS = 62; // per line: plotly does not break lines by itself

function thawFlagged(run, single) {
  return run.events.filter((event) => event.level !== "info" || (single && event.title)).slice(-60);
}

// Where an event lies on an axis: its epoch, carried over to seconds or images along the run's own rows.
function thawMoment(run, event, axis) {
  const rows = run.rows, by = event.epoch !== null ? "epoch" : "seconds", at = event[by];
  if (!rows.length || at === null || at === undefined) return null;
  if (axis === "epochs" && by === "epoch") return at;
  const next = rows.findIndex((row) => row[by] >= at), key = X_OF[axis];
  if (next < 0) return rows[rows.length - 1][key];
  const after = rows[next], before = next ? rows[next - 1] : { epoch: 0, seconds: 0, images: 0 };
  const span = after[by] - before[by];
  return span > 0 ? before[key] + ((at - before[by]) / span) * (after[key] - before[key]) : after[key];
}

function thawWrapped(sentence) {
  const lines = [""];
  for (const word of sentence.split(/\s+/)) {
    if (lines[lines.length - 1].length + word.length > HOVER_LETTERS) lines.push("");
    lines[lines.length - 1] += (lines[lines.length - 1] ? " " : "") + word;
  }
  return lines.map(text).join("<br>");
}

// Events as groups that can be told apart at this width: [{x, level, events, px}], from left to right.
function thawGroups(runs, axis, width, view, single) {
  const last = Math.max(0, ...runs.flatMap((run) => run.rows.slice(-1).map((row) => row[X_OF[axis]])));
  const [from, to] = view || [0, last * 1.07 || 1]; // plotly leaves about 7 % beyond the last marker
  const placed = runs.flatMap((run) => thawFlagged(run, single).map((event) => ({ run, event, x: thawMoment(run, event, axis) })))
    .filter((one) => one.x !== null && one.x >= from && one.x <= to)
    .sort((a, b) => a.x - b.x);
  const groups = [];
  for (const one of placed) {
    const px = ((one.x - from) / (to - from)) * width, group = groups[groups.length - 1];
    if (group && px - group.px < FLAG_GAP) group.members.push(one);
    else groups.push({ x: one.x, px, members: [one] });
  }
  for (const group of groups) group.level = RANK[Math.max(...group.members.map((one) => RANK.indexOf(one.event.level)))] || "info";
  return groups;
}

// A staff through the panel and a flag above it: sign, and its name where there is room. Colour is never alone.
function thawFlags({ runs, axis, panel, place, width, view, look, single, shapes, annotations }) {
  const n = panel ? String(panel + 1) : "", room = (place.x[1] - place.x[0]) * width;
  const groups = thawGroups(runs, axis, room, view, single);
  let taken = room; // from here to the right the strip is taken
  groups.map((group, i) => [group, i]).reverse().forEach(([group, i]) => {
    const colour = { bad: look.bad, caution: look.caution, info: look.muted }[group.level];
    const { members } = group, many = members.length;
    const name = many > 1 ? `${many} reports` : members[0].event.title || members[0].event.level;
    const wanted = 26 + 6.6 * name.length, free = taken - group.px, last = i === groups.length - 1;
    // The last flag may fly to the left, where the panel's edge leaves no room on its right.
    const turned = last && wanted >= free - 4 && wanted < group.px - (i ? groups[i - 1].px + FLAG_GAP : 0);
    const named = turned || wanted < free - 4, back = turned || (last && free < 16);
    taken = turned ? group.px - wanted : group.px;
    const label = named ? " " + text(name) : many > 1 ? " " + many : "";
    annotations.push({
      text: `<b>${SIGN[group.level]}</b>${label}`, showarrow: false, captureevents: true,
      xref: "x" + n, yref: `y${n} domain`, x: group.x, y: 1, xanchor: back ? "right" : "left", yanchor: "bottom", yshift: 2,
      font: { size: 11.5, color: colour, family: look.font }, bgcolor: look.card, bordercolor: colour, borderwidth: 1.2, borderpad: 2.5,
      hovertext: members.map((one) => `<b>${text((single ? "" : one.run.label + ": ") + (one.event.title || one.event.level))}</b><br>${thawWrapped(one.event.text)}`).join("<br>"),
      hoverlabel: { bgcolor: look.card, bordercolor: colour, font: { color: look.ink, family: look.font, size: 12.5 } },
    });
    shapes.push({
      type: "line", xref: "x" + n, yref: `y${n} domain`, x0: group.x, x1: group.x, y0: 0, y1: 1,
      line: { width: 1.2, color: colour, dash: { bad: "solid", caution: "dash", info: "dot" }[group.level] }, opacity: 0.6,
    });
  });
}

// The panel: the latest diagnosis with its advice; without one, what the curves of this phase say, and only that.
function thawCoach(run) {
  const said = run.events.filter((event) => event.title), last = said[said.length - 1];
  if (last) {
    const when = last.epoch !== null ? thawWhen(run, last.epoch) : span(last.seconds);
    const more = said.length > 1 ? `latest of ${said.length}, all in the list below` : "";
    const small = [last.level === "info" ? "remark" : last.level === "bad" ? "serious" : "caution", when, more].filter(Boolean).join(" · ");
    return `<div class="thaw-notice is-${text(last.level)}"><i aria-hidden="true">${SIGN[last.level] || ""}</i>` +
      `<div><b>Coach: ${text(last.title)}</b> <small>${text(small)}</small><p class="thaw-remedy">${text(last.text)}</p></div></div>`;
  }
  return run.info.state === "running" && run.rows.length ? `<p class="l-quiet"><b>Coach</b> ${thawQuiet(run)}</p>` : "";
}

// Everything that happened, newest first; the coach's own lines by name and sign.
function thawLog(run) {
  return run.events.slice(-30).reverse().map((event) => {
    const sign = event.title || event.level !== "info" ? SIGN[event.level] : "·";
    const name = event.title ? `<b>${text(event.title)}.</b> ` : "";
    return `<li${event.title ? ` class="is-${text(event.level)}"` : ""}><span>${event.seconds !== null ? span(event.seconds) : ""}</span>` +
      `<span aria-hidden="true">${sign || ""}</span><span>${name}${text(event.text)}</span></li>`;
  }).join("");
}

function thawWhen(run, epoch) {
  const at = moment(run.about, epoch), number = Number(at.count.toFixed(1));
  return at.solved ? `solver pass ${number}` : number > 0 ? `epoch ${number}` : "";
}

function thawQuiet(run) {
  const phase = run.rows[run.rows.length - 1].phase;
  const seen = run.rows.filter((row) => row.phase === phase && row.val_loss !== null && row.train_loss !== null);
  if (seen.length < 3) return "Watching; too early to say anything.";
  const last = seen[seen.length - 1], lowest = Math.min(...seen.map((row) => row.val_loss));
  if (last.train_loss >= seen[0].train_loss) return "Watching: the training loss has not fallen yet.";
  if (last.val_loss > 1.05 * lowest) return "Watching: the validation loss is above its lowest, not clearly enough to call it overfitting.";
  return "Nothing to report: loss falls, no sign of overfitting.";
}
