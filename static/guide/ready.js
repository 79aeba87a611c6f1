// Checks what this phone shows by itself, and remembers on it, and only on it, what a person answered and on which day.
const KEY = "kazasu-ready";
const LOW = 0.2;
const PATIENCE = 6000;
const AGAIN = 3000;

const all = (selector, within = document) => [...within.querySelectorAll(selector)];
const list = document.querySelector("[data-asks]");
const asks = all("[data-ask]", list);
const afresh = document.querySelector("[data-afresh]");
const overall = document.querySelector("[data-overall]");
const sprite = document.querySelector(".kz-ask-head use").getAttribute("href").split("#")[0];

// The day in Japan, wherever the phone believes to be: no summer time, so nine hours are always right.
const today = () => {
  const now = new Date(Date.now() + 9 * 3600e3);
  return [now.getUTCFullYear(), now.getUTCMonth() + 1, now.getUTCDate()].join("-");
};

// --- what is remembered -----------------------------------------------------------------------------------------
const remembered = () => {
  try {
    const found = JSON.parse(localStorage.getItem(KEY) ?? "{}");
    const whole = ([, kept]) => ["yes", "no"].includes(kept?.answer) && /^\d{4}-\d{1,2}-\d{1,2}$/.test(kept?.day);
    return Object.fromEntries(Object.entries(found ?? {}).filter(whole));
  } catch {
    return {}; // nothing kept, or nothing readable: the questions are asked again
  }
};
let answers = remembered();
const keep = () => {
  try {
    localStorage.setItem(KEY, JSON.stringify(answers));
  } catch {
    // Where nothing can be kept, the answers hold as long as this page.
  }
};
const holds = (ask) => {
  const kept = answers[ask.dataset.ask];
  const isFresh = kept && (!("daily" in ask.dataset) || kept.day === today());
  // Another revision makes an answer about the printed card worthless.
  const isSame = kept?.revision === undefined || kept.revision === list.dataset.revision;
  return isFresh && isSame ? kept : undefined;
};

// --- how it is shown --------------------------------------------------------------------------------------------
const show = (name, says) => {
  const sight = document.querySelector(`[data-sight="${name}"]`);
  for (const one of all("[data-says]", sight)) one.hidden = one.dataset.says !== says;
  sight.hidden = !says;
  count();
};

const paint = (ask) => {
  const kept = holds(ask);
  const seen = ask.dataset.seen;
  const answer = seen || kept?.answer;
  ask.dataset.state = answer || "open";
  const use = ask.querySelector(".kz-ask-head use");
  use.setAttribute("href", `${sprite}#${{ yes: "check", no: "warning" }[answer] ?? "circle"}`);
  const said = seen ? { yes: "seen", no: "unseen" }[seen] : answer;
  for (const line of all("[data-said]", ask)) line.hidden = line.dataset.said !== said;
  const [, month, date] = kept?.day.split("-") ?? [];
  for (const day of all("[data-day]", ask)) {
    day.textContent = kept ? list.dataset.daySays.replace("{day}", `${month}/${date}`) : "";
  }
  for (const button of all("[data-answer]", ask)) {
    button.setAttribute("aria-pressed", String(!seen && button.dataset.answer === answer));
  }
  ask.querySelector("[data-answers]").hidden = Boolean(seen);
  ask.querySelector("[data-todo]").hidden = answer !== "no";
  ask.querySelector("[data-next]").hidden = !nextOpen();
  const turn = ask.querySelector("[data-turn]");
  turn.hidden = "open" in ask.dataset || seen === "yes";
  for (const word of all("[data-turn-says]", turn)) word.hidden = (word.dataset.turnSays === "change") !== Boolean(answer);
};

const open = (chosen) => {
  for (const ask of asks) {
    if (ask === chosen) ask.dataset.open = "";
    else delete ask.dataset.open;
    paint(ask);
  }
  count();
};
const nextOpen = () => asks.find((ask) => ask.dataset.state !== "yes" && ask.dataset.state !== "no");

const count = () => {
  const left =
    asks.filter((ask) => ask.dataset.state !== "yes").length +
    all("[data-sight]:not([hidden]) [data-counts]:not([hidden])").length;
  const state = left ? "look" : "go";
  overall.dataset.state = state;
  const number = overall.querySelector("[data-left]");
  if (number.textContent !== String(left)) number.textContent = left;
  for (const line of all("[data-when]", overall)) line.hidden = line.dataset.when !== state;
};

const goOn = () => {
  const next = nextOpen();
  open(next);
  const onward = next?.querySelector("[data-answer]") ?? afresh;
  onward.focus({ preventScroll: true });
  (next ?? overall).scrollIntoView({ block: "nearest" });
};

// --- what one does ----------------------------------------------------------------------------------------------
list.addEventListener("click", (event) => {
  const ask = event.target.closest("[data-ask]");
  if (event.target.closest("[data-turn]")) {
    open(ask);
    ask.querySelector("[data-answer]").focus({ preventScroll: true });
    return;
  }
  if (event.target.closest("[data-next]")) return goOn();
  const button = event.target.closest("[data-answer]");
  if (!button) return;
  const { answer } = button.dataset;
  const about = ask.dataset.ask === "bag" ? { revision: list.dataset.revision } : {};
  answers[ask.dataset.ask] = { answer, day: today(), ...about };
  keep();
  paint(ask);
  if (answer === "no") count(); // the one thing to do stays in sight
  else goOn();
});

afresh.addEventListener("click", () => {
  answers = {};
  try {
    localStorage.removeItem(KEY);
  } catch {
    // nothing was kept
  }
  asks.forEach(paint);
  open(nextOpen());
  scrollTo(0, 0);
  document.querySelector("[data-open] [data-answer]")?.focus({ preventScroll: true });
});

// --- what the phone shows by itself -----------------------------------------------------------------------------
const seen = (name, isSo) => {
  const ask = asks.find((one) => one.dataset.ask === name);
  if (!ask) return;
  ask.dataset.seen = isSo ? "yes" : "no";
  const wasOpen = "open" in ask.dataset;
  paint(ask);
  if (wasOpen && isSo) open(nextOpen());
  count();
};

let again;
const connection = async () => {
  clearTimeout(again);
  const reached = await fetch("/healthz", { cache: "no-store", signal: AbortSignal.timeout?.(PATIENCE) }).then(
    (answer) => answer.ok,
    () => false,
  );
  show("net", reached ? "ok" : navigator.onLine ? "weak" : "off");
  if (document.querySelector('[data-says="before"]')) show("station", reached ? "live" : "before");
  if (!reached) again = setTimeout(connection, AGAIN); // whoever walks to the window need not press anything
};

const battery = async () => {
  const found = await navigator.getBattery?.();
  if (!found) return;
  const look = () => seen("battery", found.charging || found.level >= LOW);
  found.addEventListener("levelchange", look);
  found.addEventListener("chargingchange", look);
  look();
};

// Storing begins with the first visit and takes a moment: it is looked for again, a few times.
const kept = async (times = 10) => {
  if (!("serviceWorker" in navigator) || !("caches" in globalThis)) return;
  if (document.querySelector('[data-sight="kept"]').hidden) show("kept", "not_yet"); // both take one line: nothing moves
  const found = navigator.serviceWorker.controller && (await caches.match(location.pathname, { ignoreVary: true }));
  show("kept", found ? "ok" : "not_yet");
  if (!found && times) setTimeout(kept, 2000, times - 1);
};

// Browsers do not say whether a tab is private; little room is a hint, so the question only gets a sentence more.
const privacy = async () => {
  const { quota } = (await navigator.storage?.estimate?.()) ?? {};
  const room = performance.memory?.jsHeapSizeLimit;
  if (quota && room && quota < 2 * room) document.querySelector("[data-hint]").hidden = false;
};

const standalone = navigator.standalone === true;
const browser = document.querySelector('[data-sight="browser"]');
if (browser.dataset.bare === "yes") show("browser", standalone ? "icon" : "in_app");
if (standalone) show("icon", "standalone");
if (!navigator.cookieEnabled) show("cookies", "off");

for (const line of all("[data-plain]")) line.hidden = true;
list.dataset.live = "";
afresh.hidden = false;
asks.forEach(paint);
open(nextOpen());
addEventListener("online", connection);
addEventListener("offline", connection);
Promise.allSettled([connection(), battery(), kept(), privacy()]);
