// The worklist by keyboard: j and k move, a acknowledges, s snoozes, o opens, ? explains.
// Single keys can be switched off (WCAG 2.1.4), and never act while somebody types.

const hint = document.getElementById("keys-hint");
const help = document.getElementById("keys");
const wanted = help.querySelector("input");
const OFF = "vitals-keys-off";
let last = 0; // where a card was that has left the list

const cards = () => [...document.querySelectorAll("#unseen article, #seen article")];
const here = () => document.activeElement?.closest("article.card");

function go(step) {
  const all = cards();
  if (!all.length) return;
  const at = all.indexOf(here());
  last = at < 0 ? Math.min(last, all.length - 1) : Math.max(0, Math.min(all.length - 1, at + step));
  all[last].focus();
  all[last].scrollIntoView({ block: "nearest" });
}

function press(card, what) {
  const button = card?.querySelector(what);
  if (!button) return;
  last = cards().indexOf(card);
  button.click();
}

const KEYS = {
  j: () => go(1),
  k: () => go(-1),
  a: () => press(here(), "button.main"),
  s: () => press(here(), "[data-key=s]"),
  o: () => press(here(), "a.open"),
  "?": () => help.showModal(),
};

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || help.open) return;
  if (event.target.matches("input, select, textarea, [contenteditable]")) return;
  if (event.key !== "?" && localStorage.getItem(OFF)) return;
  if (!Object.hasOwn(KEYS, event.key)) return;
  event.preventDefault();
  KEYS[event.key]();
});

wanted.checked = !localStorage.getItem(OFF);
wanted.addEventListener("change", () =>
  wanted.checked ? localStorage.removeItem(OFF) : localStorage.setItem(OFF, "1"),
);
hint.hidden = false;
hint.querySelector("button").addEventListener("click", () => help.showModal());
