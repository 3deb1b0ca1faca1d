// Leads through a reading of blood pressure: rest, measure, wait, measure again.
// Without this script the page's list of steps says the same.

const guide = document.getElementById("guide");
const coach = document.getElementById("coach");
const [step, count] = coach.querySelectorAll("p");
const [start, next] = coach.querySelectorAll("button");
const words = guide.dataset;
const all = +words.readings;

let taken = 0;
let until = 0; // ms, of the countdown; 0: none

function show(text, seconds = 0) {
  step.textContent = text;
  until = seconds && performance.now() + seconds * 1000;
  next.hidden = !step.textContent || (taken >= all && !until);
  tick();
}

function tick() {
  if (!until) return void (count.textContent = "");
  const left = Math.max(0, Math.ceil((until - performance.now()) / 1000));
  count.textContent = `${Math.floor(left / 60)}:${String(left % 60).padStart(2, "0")}`;
  if (!left) measure();
}

function measure() {
  show(words.measure.replace("{k}", taken + 1).replace("{n}", all));
  if (navigator.userActivation?.hasBeenActive) navigator.vibrate?.(400);
}

function measured(said) {
  taken += 1;
  const got = words.got.replace("{said}", said);
  if (taken >= all) {
    show(`${said ? `${got} ` : ""}${words.end}`);
    start.hidden = false;
    next.hidden = true;
    taken = 0;
    return;
  }
  show(`${said ? `${got} ` : ""}${words.wait}`, +words.between);
}

// "Go on": ends a countdown early, or says that the cuff is done.
function goOn() {
  if (until) return measure();
  measured("");
}

start.addEventListener("click", () => {
  taken = 0;
  start.hidden = true;
  show(words.sit, +words.rest);
});
next.addEventListener("click", goOn);
document.addEventListener("vitals:record", ({ detail }) => {
  const { subject, kind, values } = detail;
  const waits = start.hidden && !until;
  if (!waits || subject !== words.subject || kind !== "blood_pressure" || values.sys == null) return;
  measured(`${Math.round(values.sys)}/${Math.round(values.dia)}`);
});
setInterval(tick, 250);
coach.hidden = false;
