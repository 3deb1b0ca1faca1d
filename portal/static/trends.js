// Makes the drawn charts ones that a finger can zoom, all under one cursor.
// The server's drawing stays in the page: without this script, and on paper.

const stack = document.getElementById("stack");
const base = `/api/v1/patients/${stack.dataset.subject}/trends/`;
const place = stack.dataset.place;
// Odd locales of a browser ("en-US@posix") throw; the page's own language never does.
const lang = document.documentElement.lang;
const locale = lang === "en" ? "en-GB" : lang;
const POINTS = 400; // that a zoomed chart asks for
const PATIENCE_MS = 150; // after the last move of a zoom, before finer points are asked for
const RENEW_MS = 30000; // how often the newest are asked for
const WIDE = 700; // px, above which the first points are too few
const NARROWEST = 120; // s
const DAY = 86400;
const HEIGHT = 220;

const clock = format({ hour: "2-digit", minute: "2-digit", hour12: false });
const date = format({ day: "numeric", month: "short" });
const moment = format({ day: "numeric", month: "short", hour: "2-digit", minute: "2-digit", hour12: false });
function format(fields) {
  const found = new Intl.DateTimeFormat(locale, { ...fields, timeZone: place });
  return (seconds) => found.format(seconds * 1000);
}

// uPlot's own way to another time zone makes a new formatter for every tick.
const parts = new Intl.DateTimeFormat("en-US", { timeZone: place, hourCycle: "h23", year: "numeric", month: "numeric", day: "numeric", hour: "numeric", minute: "numeric", second: "numeric" });
function wall(seconds) {
  const [month, day, year, hour, minute, second] = parts.format(seconds * 1000).match(/\d+/g);
  return new Date(year, month - 1, day, hour, minute, second);
}

// -- the data -----------------------------------------------------------------------

// Whole numbers by column, times as steps: as `portal/plots.py` packs them.
function unpack(plot) {
  const scale = 10 ** (plot.digits + 1);
  return plot.series.map((column) => {
    let t = plot.start;
    return column.t.map((step, n) => [(t += step), column.min[n] / scale, column.mean[n] / scale, column.max[n] / scale]);
  });
}

async function ask(plot, from, to) {
  const range = new URLSearchParams({
    from: new Date(Math.floor(from) * 1000).toISOString(),
    to: new Date(Math.ceil(to) * 1000).toISOString(),
    points: POINTS,
  });
  const answers = await Promise.all(plot.metrics.map((metric) => fetch(`${base}${metric}?${range}`)));
  if (!answers.every((answer) => answer.ok)) throw answers;
  const trends = await Promise.all(answers.map((answer) => answer.json()));
  const shown = (value) => value * plot.factor + plot.offset;
  return trends.map(({ points }) => points.map((p) => [Date.parse(p.t) / 1000, shown(p.min), shown(p.mean), shown(p.max)]));
}

// Columns for uPlot: times, then least, mean and greatest of each metric; gaps stay gaps.
function columns(plot, series) {
  const times = [...new Set(series.flat().map((p) => p[0]))].sort((a, b) => a - b);
  let least = Infinity;
  for (let n = 1; n < times.length; n++) least = Math.min(least, times[n] - times[n - 1]);
  const longest = Math.max(plot.gap, 2.5 * (times.length > 1 ? least : 0));
  const whole = [];
  for (const t of times) {
    const before = whole[whole.length - 1];
    if (before !== undefined && t - before > longest) whole.push((before + t) / 2);
    whole.push(t);
  }
  const found = [whole];
  for (const points of series) {
    const by = new Map(points.map((p) => [p[0], p]));
    for (const place of [1, 2, 3]) found.push(whole.map((t) => by.get(t)?.[place] ?? null));
  }
  return found;
}

// -- the drawing --------------------------------------------------------------------

const paint = (name) => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();

function range(plot) {
  return (u, low, high) => {
    if (low == null) [low, high] = [0, 1];
    const near = (high - low) / 2 + plot.least;
    const sides = plot.targets.flatMap((t) => [t[2], t[3]]).concat(plot.usual ?? []);
    for (const side of sides.filter((v) => v != null && v >= low - near && v <= high + near)) {
      [low, high] = [Math.min(low, side), Math.max(high, side)];
    }
    const pad = Math.max((high - low) * 0.08, (plot.least - (high - low)) / 2);
    return [low - pad, high + pad];
  };
}

function fill(u, colour, alpha, from, to, low, high) {
  const { left, top, width, height } = u.bbox;
  const x = [from, to].map((t) => Math.min(Math.max(u.valToPos(t, "x", true), left), left + width));
  const y = [high ?? Infinity, low ?? -Infinity].map((v) =>
    v === Infinity ? top : v === -Infinity ? top + height : Math.min(Math.max(u.valToPos(v, "y", true), top), top + height));
  u.ctx.globalAlpha = alpha;
  u.ctx.fillStyle = colour;
  u.ctx.fillRect(x[0], y[0], x[1] - x[0], y[1] - y[0]);
  u.ctx.globalAlpha = 1;
}

function dashed(u, colour, from, to, value, dash) {
  const { left, top, width, height } = u.bbox;
  const y = u.valToPos(value, "y", true);
  if (y < top || y > top + height) return;
  u.ctx.strokeStyle = colour;
  u.ctx.setLineDash(dash);
  u.ctx.beginPath();
  u.ctx.moveTo(Math.max(left, u.valToPos(from, "x", true)), y);
  u.ctx.lineTo(Math.min(left + width, u.valToPos(to, "x", true)), y);
  u.ctx.stroke();
  u.ctx.setLineDash([]);
}

const ends = (t, n, all, u) => [n ? t[0] : Math.min(t[0], u.scales.x.min), n < all.length - 1 ? t[1] : Math.max(t[1], u.scales.x.max)];

function below(plot) {
  return (u) => {
    u.ctx.save();
    u.ctx.lineWidth = devicePixelRatio * 1.3;
    plot.targets.forEach((t, n, all) => {
      const [from, to] = all.length === 1 ? ends(t, n, all, u) : t;
      if (plot.metrics.length === 1) fill(u, paint("good"), 0.07, from, to, t[2], t[3]);
      for (const side of [t[2], t[3]]) if (side != null) dashed(u, paint("medium"), from, to, side, [9, 9]);
    });
    if (plot.usual) {
      const { min, max } = u.scales.x;
      fill(u, paint("low"), 0.12, min, max, ...plot.usual);
      for (const side of plot.usual) dashed(u, paint("low"), min, max, side, [2, 6]);
    }
    u.ctx.restore();
  };
}

function sticks(u) {
  const [times, , top] = u.data;
  const foot = u.data[5];
  u.ctx.strokeStyle = paint("accent");
  const seen = times.filter((t, n) => top[n] != null && t >= u.scales.x.min && t <= u.scales.x.max).length;
  u.ctx.lineWidth = Math.max(devicePixelRatio, Math.min(5 * devicePixelRatio, (u.bbox.width / seen) * 0.5));
  u.ctx.lineCap = "round";
  times.forEach((t, n) => {
    if (top[n] == null || foot[n] == null || t < u.scales.x.min || t > u.scales.x.max) return;
    const x = u.valToPos(t, "x", true);
    u.ctx.beginPath();
    u.ctx.moveTo(x, u.valToPos(top[n], "y", true));
    u.ctx.lineTo(x, u.valToPos(foot[n], "y", true));
    u.ctx.stroke();
  });
}

function marks(plot) {
  return (u) => {
    const { ctx, bbox } = u;
    const size = 7 * devicePixelRatio;
    ctx.save();
    if (plot.metrics.length > 1) sticks(u);
    for (const [t, priority] of plot.marks) {
      const x = u.valToPos(t, "x", true);
      if (x < bbox.left || x > bbox.left + bbox.width) continue;
      ctx.fillStyle = ctx.strokeStyle = paint(priority === "note" ? "ink" : priority);
      ctx.lineWidth = devicePixelRatio;
      ctx.setLineDash([3, 6]);
      ctx.beginPath();
      ctx.moveTo(x, bbox.top);
      ctx.lineTo(x, bbox.top + bbox.height);
      ctx.stroke();
      ctx.setLineDash([]);
      ctx.beginPath();
      if (priority === "note") ctx.rect(x - size * 0.8, bbox.top - size * 1.7, size * 1.6, size * 1.6);
      else ctx.moveTo(x - size, bbox.top - size * 1.8), ctx.lineTo(x + size, bbox.top - size * 1.8), ctx.lineTo(x, bbox.top);
      ctx.fill();
    }
    ctx.restore();
  };
}

function axes() {
  const stroke = () => paint("soft");
  const font = `${getComputedStyle(document.body).fontFamily}`;
  const common = { stroke, font: `15px ${font}`, ticks: { show: false } };
  return [
    { ...common, space: 76, size: 34, grid: { show: false }, values: (u, at, axis, space, step) => at.map((t) => (step < DAY ? clock(t) : date(t))) },
    { ...common, size: 46, gap: 8, grid: { stroke: () => paint("line"), width: 1 } },
  ];
}

// A value between two gaps has no line: it is a dot.
function alone(u, place) {
  const values = u.data[place];
  const found = values.map((v, n) => (v != null && values[n - 1] == null && values[n + 1] == null ? n : -1));
  return found.filter((n) => n >= 0);
}

function make(figure) {
  const plot = JSON.parse(figure.dataset.plot);
  const drawn = figure.querySelector(".drawn");
  const room = document.createElement("div");
  room.className = "plotted";
  room.setAttribute("aria-hidden", "true"); // the summary below says it in words
  drawn.after(room);
  const accent = () => paint("accent");
  const pale = () => `${paint("accent")}30`;
  const hidden = { stroke: "transparent", width: 0, points: { show: false } };
  const two = plot.metrics.length > 1;
  const mean = { stroke: two ? "transparent" : accent, width: two ? 0 : 2, points: two ? { show: false } : { show: true, size: 5, fill: accent, filter: alone } };
  const chart = new uPlot(
    {
      width: room.clientWidth,
      height: HEIGHT,
      padding: [14, 28, 0, 0],
      tzDate: wall,
      legend: { show: false },
      cursor: { sync: { key: "trends" }, drag: { x: true, y: false, setScale: false }, points: { size: 9 } },
      scales: { x: { time: true, range: (u, low, high) => [low, high] }, y: { range: range(plot) } },
      axes: axes(),
      series: [{}, ...plot.metrics.flatMap(() => [hidden, mean, hidden])],
      bands: two ? [] : [{ series: [3, 1], fill: pale }],
      hooks: {
        drawAxes: [below(plot)],
        draw: [marks(plot)],
        setCursor: [(u) => read(figure, plot, u)],
        setSelect: [(u) => u.select.width > 8 && zoom(u.posToVal(u.select.left, "x"), u.posToVal(u.select.left + u.select.width, "x"))],
      },
    },
    columns(plot, unpack(plot)),
    room,
  );
  chart.setScale("x", { min: plot.start, max: plot.stop });
  chart.over.addEventListener("dblclick", whole);
  pinch(chart);
  figure.classList.add("alive");
  return { chart, plot, figure, room };
}

function read(figure, plot, u) {
  const n = u.cursor.idx;
  const place = figure.querySelector(".readout");
  const values = n == null ? [] : plot.metrics.map((_, m) => u.data[3 * m + 2][n]);
  if (!values.length || values.some((v) => v == null)) return void (place.textContent = "");
  const say = (v) => v.toFixed(plot.digits);
  const spread = plot.metrics.length === 1 && u.data[3][n] > u.data[1][n] ? ` (${say(u.data[1][n])}–${say(u.data[3][n])})` : "";
  const near = plot.marks.filter(([t]) => Math.abs(u.valToPos(t, "x") - u.cursor.left) < 12).map(([, , title]) => ` · ${title}`);
  place.textContent = `${moment(u.data[0][n])}  ${values.map(say).join("/")}${spread}${near.join("")}`;
}

// -- zooming ------------------------------------------------------------------------

let shown, charts;
let waiting = 0;

function zoom(from, to) {
  const { start, stop } = charts[0].plot;
  const width = Math.min(Math.max(to - from, NARROWEST), stop - start);
  const begin = Math.min(Math.max((from + to - width) / 2, start), stop - width);
  shown = [begin, begin + width];
  for (const { chart } of charts) {
    chart.setSelect({ left: 0, width: 0, top: 0, height: 0 }, false);
    chart.setScale("x", { min: shown[0], max: shown[1] });
  }
  clearTimeout(waiting);
  waiting = setTimeout(refine, PATIENCE_MS);
}

function whole() {
  zoom(charts[0].plot.start, charts[0].plot.stop);
}

async function refine() {
  const [from, to] = shown;
  stack.setAttribute("aria-busy", "true");
  try {
    const found = await Promise.all(charts.map(({ plot }) => ask(plot, from, to)));
    if (from !== shown[0] || to !== shown[1]) return; // moved on meanwhile
    charts.forEach(({ chart, plot }, n) => {
      chart.setData(columns(plot, found[n]), false);
      chart.setScale("x", { min: from, max: to });
    });
    stack.dataset.shown = `${Math.round(to - from)}`;
  } catch {
    // What is drawn stays; the page says by itself that it is not live.
  } finally {
    stack.removeAttribute("aria-busy");
  }
}

// Two fingers: the moments below them stay below them.  One finger reads values.
function pinch(chart) {
  const { over } = chart;
  let held;
  const x = (touch) => touch.clientX - over.getBoundingClientRect().left;
  over.addEventListener("touchstart", (event) => {
    if (event.touches.length === 2) held = [...event.touches].map((touch) => chart.posToVal(x(touch), "x"));
  }, { passive: true });
  over.addEventListener("touchmove", (event) => {
    const fingers = [...event.touches].map(x);
    if (fingers.length === 1) return charts[0] && chart.setCursor({ left: fingers[0], top: 20 });
    if (fingers.length !== 2 || !held) return;
    event.preventDefault();
    if (Math.abs(fingers[1] - fingers[0]) < 12) return;
    const scale = (held[1] - held[0]) / (fingers[1] - fingers[0]);
    const from = held[0] - fingers[0] * scale;
    zoom(from, from + over.clientWidth * scale);
  }, { passive: false });
  over.addEventListener("touchend", (event) => event.touches.length < 2 && (held = null));
}

function press(event) {
  const button = event.target.closest("button");
  if (!button) return;
  if ("print" in button.dataset) return print();
  const factor = +button.dataset.zoom;
  if (!factor) return whole();
  const [from, to] = shown;
  const spare = ((to - from) * (factor - 1)) / 2;
  zoom(from - spare, to + spare);
}

// Goes on to the present while nobody looks closer.
function renew() {
  const { start, stop } = charts[0].plot;
  if (document.hidden || shown[0] !== start || shown[1] !== stop) return;
  const now = Math.floor((Date.now() - skew) / 1000);
  for (const { plot } of charts) [plot.start, plot.stop] = [now - (stop - start), now];
  whole();
}

const skew = Date.now() - Date.parse(document.body.dataset.time);

function fit() {
  for (const { chart, room } of charts) if (room.clientWidth) chart.setSize({ width: room.clientWidth, height: HEIGHT });
}

charts = [...stack.querySelectorAll("figure[data-plot]")].map(make);
if (charts.length) {
  shown = [charts[0].plot.start, charts[0].plot.stop];
  for (const id of ["zoom", "hint"]) document.getElementById(id).hidden = false;
  document.getElementById("zoom").addEventListener("click", press);
  addEventListener("resize", fit);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => charts.forEach(({ chart }) => chart.redraw()));
  setInterval(renew, RENEW_MS);
  // uPlot draws in microtasks: ready is when all of it is drawn.
  queueMicrotask(() => (stack.dataset.ready = performance.now().toFixed(0)));
  if (stack.clientWidth > WIDE) refine();
}
