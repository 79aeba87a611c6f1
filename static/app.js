// Smooths what works without it: no page of another patient from the cache, one submission per tap, nothing lost
// on a weak signal, and no My Number on its way to the server.

addEventListener("pageshow", (event) => {
  if (!event.persisted) return;
  document.documentElement.hidden = true;
  location.reload();
});

document.querySelector("[data-focus]")?.focus();

addEventListener("touchstart", () => {}, { passive: true }); // without a listener, iOS shows nothing as pressed

// What is pressed while the page pauses (app.css) does nothing, though the finger leaves it later. Keys have no detail.
let pausing;
addEventListener("pointerdown", () => { pausing = getComputedStyle(document.querySelector("main"), "::after").visibility === "visible" }, true);
addEventListener("click", (event) => {
  if (!pausing || !event.detail) return;
  event.preventDefault();
  event.stopImmediatePropagation();
}, true);

// Old hands press long, and phones send no click after a long press: whoever presses one thing presses it all the same.
// A hand that rests on the glass for seconds presses nothing.
const [LONG, RESTING, TWICE] = [400, 5000, 700];
let press, done;
const forget = () => { press = undefined };
addEventListener("pointerdown", ({ pointerType, isPrimary, target, timeStamp }) => {
  const on = pointerType === "touch" && isPrimary && !pausing && !target.closest(".kz-ticks") && target.closest("button, label, summary, .kz-button, .kz-row");
  press = on ? { on, since: timeStamp } : undefined;
}, true);
addEventListener("pointercancel", forget, true);
addEventListener("click", (event) => {
  forget();
  if (!event.isTrusted || !done?.on.contains(event.target) || event.timeStamp - done.at > TWICE) return;
  event.preventDefault(); // it came late, and is done already
  event.stopImmediatePropagation();
}, true);
addEventListener("pointerup", ({ clientX, clientY, timeStamp }) => {
  const mine = press, held = timeStamp - mine?.since;
  if (!(held > LONG && held < RESTING) || !mine.on.contains(document.elementFromPoint(clientX, clientY))) return;
  setTimeout(() => {
    if (press !== mine) return; // the click did come
    mine.on.click();
    done = { on: mine.on, at: timeStamp };
  }, 50);
}, true);
addEventListener("contextmenu", (event) => event.pointerType === "touch" && press && event.preventDefault());

// What is chosen is kept as a draft at once: whoever looks something up, or whose phone goes to sleep, finds it again.
// Only the newest waits for the one on its way; on a dead line it stays on this page, and goes with it.
let drafting, due;
const keep = async (form) => {
  const body = new URLSearchParams(new FormData(form));
  body.set("key", String(Math.random()).slice(2) + Date.now());
  body.append("draft", "yes");
  await fetch(form.action, { method: "POST", body, headers: { "Kazasu-Steady": "1" }, keepalive: true }).catch(() => {});
};
const draft = async (form) => {
  if (!form?.matches("[data-draft]") || form.dataset.busy || [...form.querySelectorAll("[data-number]")].some((field) => hasTwelveDigits(field.value))) return;
  due = form;
  if (drafting) return;
  drafting = true;
  for (let one; (one = due); ) {
    due = undefined;
    await keep(one);
  }
  drafting = false;
};
addEventListener("change", (event) => draft(event.target.form));

// An error goes as it is answered, and the card on top counts down. Not where one types: the page would move under the
// finger that leaves the field for the button.
addEventListener("change", ({ target }) => {
  const wrong = target.type === "radio" && target.closest(".kz-wrong");
  if (!wrong) return;
  wrong.classList.remove("kz-wrong");
  wrong.querySelector(".kz-error")?.remove();
  const card = document.querySelector(".kz-errors");
  card?.querySelector(`a[href="#${target.name}"]`)?.closest("li").remove();
  const left = card?.querySelectorAll("li").length;
  if (!left) return card?.remove();
  const texts = document.createTreeWalker(card.querySelector("h2"), NodeFilter.SHOW_TEXT);
  while (texts.nextNode()) texts.currentNode.data = texts.currentNode.data.replace(/\d+/, left);
});

// 「すべて…」 fills in the answers, to be seen and changed.
addEventListener("click", (event) => {
  const fill = event.target.closest("[data-fill]");
  if (!fill) return;
  event.preventDefault();
  changes();
  for (const radio of fill.form.querySelectorAll(`input[type=radio][value=${fill.dataset.fill}]`)) radio.checked = true;
  draft(fill.form);
});

// The twin of app/rules/words/digits.py
const KANJI = "〇一二三四五六七八九";
const asciiDigits = (text) =>
  [...text.normalize("NFKC").replaceAll("零", "0")]
    .map((char) => {
      if (KANJI.includes(char)) return KANJI.indexOf(char);
      if (!/\p{Nd}/u.test(char)) return char;
      let zero = char.codePointAt(0);
      while (/\p{Nd}/u.test(String.fromCodePoint(zero - 1)) && char.codePointAt(0) - zero < 9) zero -= 1;
      return char.codePointAt(0) - zero;
    })
    .join("")
    .replace(/([0-9])[\s\u200b-\u200f\u2060\ufeff\-\u2010-\u2015\u2212\u30fc\uff70_.,\u30fb\uff65/]+(?=[0-9])/g, "$1");
const hasTwelveDigits = (text) => /[0-9]{12}/.test(asciiDigits(text));

const say = (near, message) => {
  const line = document.querySelector(".kz-said") ?? document.createElement("p");
  line.className = "kz-said";
  line.setAttribute("role", "alert");
  line.textContent = message;
  near.after(line);
};

const emptyOfNumbers = (form) => {
  const found = [...form.querySelectorAll("[data-number]")].find((field) => hasTwelveDigits(field.value));
  if (!found) return true;
  found.value = "";
  found.focus();
  say(found, found.dataset.number);
  return false;
};

// A submission goes out without leaving the page: when it cannot get through, the page stays as it was filled in, and
// the same submission (same key) goes out again, by itself and by the button; the server takes it once.
// The same where the server says "not now": its page would say no more, and what was filled in would be gone.
const NOT_NOW = [429, 502, 503, 504];
const LONGEST = 15e3;
const { unsent, unsaved, changed, held } = document.documentElement.dataset;
let waiting;
const stop = () => {
  clearTimeout(waiting?.timer);
  waiting = undefined;
};
const goNow = () => {
  const { submitter } = waiting ?? {};
  stop();
  submitter?.click();
};
const stay = (form, submitter, message, seconds) => {
  delete form.dataset.busy;
  say(submitter ?? form, message);
  waiting = { form, submitter, timer: setTimeout(goNow, seconds * 1e3) };
};
// What is sent again by itself is what was sent before: whoever changes an answer presses the button once more.
const changes = () => {
  if (waiting) say(waiting.submitter ?? waiting.form, changed);
  stop();
};
addEventListener("input", changes);
addEventListener("pagehide", stop);
addEventListener("online", goNow);
document.addEventListener("visibilitychange", () => document.visibilityState === "visible" && goNow());

addEventListener("submit", async (event) => {
  const form = event.target;
  if (!form.matches("[data-steady]")) return;
  event.preventDefault();
  if (form.dataset.busy || !emptyOfNumbers(form)) return;
  stop();
  form.dataset.busy = "1";
  due = undefined;
  const tries = Number(form.dataset.tries ?? 0);
  form.dataset.tries = tries + 1;
  const { name, value } = event.submitter ?? {};
  const plainly = () => {
    if (name) form.append(Object.assign(document.createElement("input"), { type: "hidden", name, value }));
    form.submit();
  };
  // Of FormData and AbortSignal only what old phones know
  let body, limit;
  try {
    body = new URLSearchParams(new FormData(form));
    if (name) body.append(name, value);
    limit = new AbortController();
  } catch {
    return plainly();
  }
  const late = setTimeout(() => limit.abort(), LONGEST);
  try {
    const answer = await fetch(form.action, { method: "POST", body, headers: { "Kazasu-Steady": "1" }, signal: limit.signal });
    const next = answer.headers.get("Kazasu-Next");
    if (next) return location.assign(next);
    if (NOT_NOW.includes(answer.status)) return stay(form, event.submitter, answer.headers.has("Kazasu-Held") ? held : unsaved, Number(answer.headers.get("Retry-After")) || 60);
    plainly();
  } catch {
    stay(form, event.submitter, unsent, Math.min(2 ** tries, 30));
  } finally {
    clearTimeout(late);
  }
});

if ("serviceWorker" in navigator) {
  navigator.serviceWorker.register("/sw.js");
  navigator.serviceWorker.ready.then(({ active }) => active.postMessage("keep"));
}
