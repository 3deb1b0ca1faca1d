// Keeps a page alive: new values as they come, whole parts when something else changes.
// Without this script every page works; it only has to be loaded again.

const REFRESH_MS = 300; // gathers events that come together
const CHART_MS = 15000; // how often charts follow
const AHEAD_MS = 60000; // what is dated later than this has a broken clock
// Odd locales of a browser ("en-US@posix") throw; the page's own language never does.
const locale = document.documentElement.lang;
const words = document.documentElement.dataset;

function ago(t) {
  if (t - (Date.now() - skew) > AHEAD_MS) return words.ahead;
  const minutes = Math.floor(Math.max(0, Date.now() - skew - t) / 60000);
  if (minutes < 1) return words.now;
  if (minutes < 60) return words.minutes.replace("{n}", minutes);
  if (minutes < 2880) return words.hours.replace("{n}", Math.floor(minutes / 60));
  return words.days.replace("{n}", Math.floor(minutes / 1440));
}

// The server's clock decides what is old; a phone's may be wrong by hours.
let skew = 0;

function grow() {
  for (const time of document.querySelectorAll("time:not(.clock)")) {
    const t = Date.parse(time.dateTime);
    const age = ago(t);
    if (time.textContent !== age) time.textContent = age;
    const stream = time.closest("[data-stale]");
    const old = Date.now() - skew - t;
    if (stream) stream.classList.toggle("stale", old > stream.dataset.stale * 1000 || old < -AHEAD_MS);
  }
}

function show(record) {
  document.dispatchEvent(new CustomEvent("vitals:record", { detail: record }));
  if (Date.parse(record.t) > Date.now() - skew + AHEAD_MS) return;
  for (const place of document.querySelectorAll(`[data-stream="${record.subject}/${record.kind}"]`)) {
    const time = place.querySelector("time:not(.clock)");
    if (Date.parse(time.dateTime) > Date.parse(record.t)) continue;
    const fields = [...place.querySelectorAll("[data-field]")];
    const whole = fields.length && fields.every((f) => record.values[f.dataset.field] != null);
    // Anything out of the ordinary is put into words by the server.
    if (!whole || record.q || place.querySelector(".note")) return refresh();
    const { digits, factor = 1, offset = 0 } = place.dataset; // the reader's unit
    for (const f of fields) f.textContent = (record.values[f.dataset.field] * factor + +offset).toFixed(digits);
    time.dateTime = record.t;
  }
  if (!document.querySelector(`[data-stream="${record.subject}/${record.kind}"]`)) refresh();
  grow();
}

// Replace what changed, but never what somebody is typing in.
function busy(node) {
  const typed = [...node.querySelectorAll("input.comment")].some((i) => i.value);
  const chosen = [...node.querySelectorAll("select")].some((s) => s.value);
  const written = [...node.querySelectorAll("textarea")].some((t) => t.value !== t.defaultValue);
  const here = node.contains(document.activeElement) && document.activeElement.matches("input, select, textarea");
  return typed || chosen || written || here;
}

const still = matchMedia("(prefers-reduced-motion: reduce)");
function come(fresh) {
  if (still.matches) return;
  for (const card of fresh.querySelectorAll("article")) {
    if (!document.getElementById(card.id)) card.animate([{ opacity: 0 }, {}], 250);
  }
}

function merge(old, fresh) {
  for (const { id } of old.querySelectorAll("details[open]")) {
    fresh.querySelector(`#${CSS.escape(id)}`)?.setAttribute("open", "");
  }
  if (old.innerHTML === fresh.innerHTML && old.className === fresh.className) return;
  come(fresh);
  if (!busy(old)) {
    const focused = old.contains(document.activeElement) && document.activeElement.closest("[id]")?.id;
    old.replaceWith(fresh);
    const at = focused ? document.getElementById(focused) : null;
    (at?.matches("article") ? at : at?.querySelector("button, a, summary"))?.focus();
    return;
  }
  const known = new Map([...old.children].map((child) => [child.id, child]));
  let place = old.firstElementChild;
  for (const child of [...fresh.children]) {
    const kept = child.id && known.get(child.id);
    if (kept && (busy(kept) || kept.innerHTML === child.innerHTML)) {
      if (kept !== place) old.insertBefore(kept, place);
      else place = place.nextElementSibling;
      known.delete(child.id);
    } else {
      old.insertBefore(child, place);
    }
  }
  for (const gone of known.values()) if (!busy(gone)) gone.remove();
}

let waiting = 0;
let loading = false;
function refresh(delay = REFRESH_MS) {
  waiting ||= setTimeout(load, delay);
}

async function load() {
  waiting = 0;
  if (loading) return refresh();
  loading = true;
  try {
    const answer = await fetch(location.href, { headers: { Accept: "text/html" } });
    if (answer.redirected) return location.reload(); // the session has ended
    if (!answer.ok) return;
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    document.title = page.title;
    for (const fresh of page.querySelectorAll("[data-part]")) {
      const old = document.getElementById(fresh.id);
      if (old) merge(old, fresh);
    }
    grow();
  } catch {
    // The stream says when the server is back.
  } finally {
    loading = false;
  }
}

async function act(event) {
  const form = event.target.closest("form[data-act]");
  if (!form) return;
  event.preventDefault();
  // `formAction` without the attribute would be the page's own address.
  const address = event.submitter?.getAttribute("formaction") ?? form.action;
  const body = new URLSearchParams(new FormData(form));
  for (const button of form.querySelectorAll("button")) button.disabled = true;
  try {
    const answer = await fetch(address, { method: "POST", body });
    if (!answer.ok) throw answer;
    form.reset();
    form.querySelector("details").open = false;
  } catch {
    form.action = address; // never another decision than the one made
    return form.submit(); // shows what went wrong
  }
  document.activeElement?.blur();
  refresh(0);
}

function listen(address) {
  const events = new EventSource(address);
  const offline = document.getElementById("offline");
  let lost = 0;
  events.onopen = () => {
    clearTimeout(lost);
    if (!offline.hidden) refresh(0);
    offline.hidden = true;
  };
  events.onerror = () => {
    clearTimeout(lost);
    lost = setTimeout(() => (offline.hidden = false), 4000);
    if (events.readyState === EventSource.CLOSED) setTimeout(() => (listen(address), refresh(0)), 5000);
  };
  // The page of the gateways shows no values: it follows by the clock alone.
  if (!document.body.classList.contains("fleet")) {
    events.addEventListener("record", (event) => show(JSON.parse(event.data)));
    events.addEventListener("batch", () => refresh());
  }
  events.addEventListener("reset", () => refresh());
  events.addEventListener("alert", () => {
    document.getElementById("said").textContent = document.body.dataset.changed;
    refresh();
  });
}

// The server writes all times of day; this is how it knows the reader's own clock.
// The log-in is a page too, so the first page behind it is right at once.
function place() {
  const mine = `vitals_zone=${Intl.DateTimeFormat(locale).resolvedOptions().timeZone}`;
  if (document.cookie.split("; ").includes(mine)) return false;
  const safe = location.protocol === "https:" ? "; secure" : "";
  document.cookie = `${mine}; path=/; max-age=31536000; samesite=lax${safe}`;
  return true;
}

const moved = place();
if (document.body.dataset.live) {
  if (moved) refresh(0);
  skew = Date.now() - Date.parse(document.body.dataset.time);
  listen(document.body.dataset.live);
  document.addEventListener("submit", act);
  setInterval(grow, 5000);
  setInterval(() => document.hidden || refresh(0), CHART_MS);
}
