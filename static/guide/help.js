// Whether a desk answers now: said anew by the phone, because a kept page knows only the moment at which it was kept.
const DAYS = ["日", "月", "火", "水", "木", "金", "土"];
const inJapan = (at) => new Date(at + 9 * 3600e3); // Japan has no summer time; read with getUTC…
const clock = (minute) => `${Math.floor(minute / 60)}:${String(minute % 60).padStart(2, "0")}`;

const opening = (week, closed, at) => {
  const now = inJapan(at);
  for (let ahead = 0; ahead < 30; ahead += 1) {
    const day = new Date(now.getTime() + ahead * 86400e3);
    const name = day.toISOString().slice(0, 10);
    const span = closed.includes(name) ? null : week[(day.getUTCDay() + 6) % 7];
    if (!span) continue;
    const minute = ahead ? -1 : now.getUTCHours() * 60 + now.getUTCMinutes();
    if (minute >= span[1]) continue;
    if (minute >= span[0]) return { open: true, says: clock(span[1]) };
    return { open: false, says: `${day.getUTCMonth() + 1}/${day.getUTCDate()}（${DAYS[day.getUTCDay()]}）${clock(span[0])}` };
  }
  return null;
};

const say = () => {
  for (const desk of document.querySelectorAll("[data-week]")) {
    const week = desk.dataset.week.split(",").map((span) => (span ? span.split("-").map(Number) : null));
    const found = opening(week, desk.dataset.closed.split(","), Date.now());
    const line = desk.querySelector("[data-open]");
    if (!found || !line) continue;
    const text = (found.open ? line.dataset.open : line.dataset.closedUntil).replace("{}", found.says);
    line.classList.toggle("kz-open-now", found.open);
    if (line.textContent !== text) line.firstElementChild.textContent = text;
  }
};
say();
setInterval(say, 60e3);

// The number of an error: looked up here, kept for this tab only, copied for whoever is called. It is not sent anywhere.
const field = document.querySelector("[data-codes]");
if (field) {
  const codes = [...document.querySelectorAll("[data-code]")];
  const none = document.querySelector("[data-none]");
  const copy = document.querySelector("[data-copy]");
  const said = document.querySelector("[data-said]");
  const normal = (text) => text.normalize("NFKC").toUpperCase().replace(/[^0-9A-Z-]/g, "");
  // asciiDigits and hasTwelveDigits come from app.js, which every page has. Four digits may be the beginning of a number
  // that is still being typed: they are judged when the field is left.
  const hasFourDigits = (text) => /^[0-9]{4}$/.test(asciiDigits(text).trim());
  document.querySelector("[data-lookup]").hidden = false;
  // Where nothing can be kept, the number holds as long as this page.
  const keepCode = (code) => {
    try {
      sessionStorage.setItem("code", code);
    } catch {
      return;
    }
  };
  const keptCode = () => {
    try {
      return sessionStorage.getItem("code") ?? "";
    } catch {
      return "";
    }
  };
  const bare = (text) => text.replace(/[^0-9A-Z]/g, "");
  const takeOut = () => {
    field.value = "";
    keepCode("");
    said.textContent = said.dataset.refused;
  };
  const look = () => {
    if (hasTwelveDigits(field.value)) return takeOut();
    const typed = normal(field.value);
    if (hasFourDigits(field.value)) keepCode("");
    else keepCode(typed);
    const found = codes.filter((each) => bare(typed).length > 3 && bare(each.dataset.code).includes(bare(typed)));
    for (const each of codes) each.hidden = Boolean(typed) && !found.includes(each);
    none.hidden = !typed || found.length > 0;
    said.textContent = "";
  };
  field.value = keptCode();
  look();
  field.addEventListener("input", look);
  field.addEventListener("change", () => hasFourDigits(field.value) && takeOut());
  copy.addEventListener("click", async () => {
    const now = inJapan(Date.now()).toISOString().slice(0, 16).replace("T", " ");
    const kinds = [/iPhone|iPad|Android|Windows|Mac|Linux/, /CriOS|FxiOS|EdgiOS|Firefox|Edg|Chrome|Safari/];
    const kind = kinds.map((each) => navigator.userAgent.match(each)?.[0]).filter(Boolean).join(" ");
    const line = [normal(field.value), now, kind].filter(Boolean).join(" / ");
    // Where copying is refused, the line stands there to be read out.
    said.textContent = await navigator.clipboard.writeText(line).then(
      () => said.dataset.copied,
      () => line,
    );
  });
}

// Steps are ticked for today, on this phone only.
const today = inJapan(Date.now()).toISOString().slice(0, 10);
const ticks = [...document.querySelectorAll("[data-tick]")];
if (ticks.length) {
  let kept = {};
  try {
    kept = JSON.parse(localStorage.getItem("ticks")) ?? {};
  } catch {
    kept = {};
  }
  if (kept.day !== today) kept = { day: today };
  const keep = () => {
    try {
      localStorage.setItem("ticks", JSON.stringify(kept));
    } catch {
      return; // ticked for as long as the page lies open
    }
  };
  for (const tick of ticks) {
    tick.checked = Boolean(kept[tick.dataset.tick]);
    tick.addEventListener("change", () => {
      kept[tick.dataset.tick] = tick.checked;
      keep();
    });
  }
  document.querySelector("[data-clear]")?.addEventListener("click", () => {
    for (const tick of ticks) {
      tick.checked = false;
      delete kept[tick.dataset.tick];
    }
    keep();
  });
}
for (const row of document.querySelectorAll("[data-scripted]")) row.hidden = false;
document.querySelector("[data-print]")?.addEventListener("click", () => print());

// The certificate's days, counted by the phone: a kept page grows old.
const ends = document.querySelector("[data-ends]");
if (ends) {
  const left = Math.round((Date.parse(ends.dataset.ends) - Date.parse(today)) / 86400e3);
  ends.firstElementChild.textContent = left >= 0 ? ends.dataset.left.replace("{}", left) : ends.dataset.over;
}

// The search as one types, also without a signal: the twin of `folded` in app/rules/words/search.py. A row of the guide holds
// its whole text; a trouble is found by its words, or by what is nearest to a sentence that nobody wrote so.
const folded = (text) =>
  text
    .normalize("NFKC")
    .toLowerCase()
    .replace(/[\u30a1-\u30f6]/g, (kana) => String.fromCharCode(kana.charCodeAt(0) - 0x60));
const find = document.querySelector("[data-find]");
if (find) {
  const result = document.querySelector("[data-found]");
  const groups = [...document.querySelectorAll("[data-topics]")];
  const rows = [...document.querySelectorAll("[data-topics] .kz-row")].map((row) => {
    const bare = row.cloneNode(true);
    for (const reading of bare.querySelectorAll("rt, rp")) reading.remove();
    const words = `${bare.textContent} ${row.dataset.words ?? ""}`.replace(/\u200b/g, "");
    return { row, text: row.dataset.text ?? folded(words) };
  });
  const pairs = (text) => {
    const letters = [...text.replace(/[\s、。「」・（）()]/g, "")];
    return new Set(letters.slice(1).map((letter, at) => letters[at] + letter));
  };
  const nearest = (typed) => {
    const scored = rows.map((each) => [[...pairs(typed)].filter((pair) => pairs(each.text).has(pair)).length, each]);
    const best = Math.max(...scored.map(([score]) => score));
    return best < 2 ? [] : scored.filter(([score]) => score >= best - 1 && score > 1).map(([, each]) => each).slice(0, 5);
  };
  const look = () => {
    if (hasTwelveDigits(find.value)) find.value = "";
    const words = folded(find.value).split(/\s+/).filter(Boolean);
    const isCode = words.some((word) => /[0-9]{3}/.test(word));
    let found = rows.filter(({ row, text }) => words.every((word) => text.includes(word)) || (isCode && "error" in row.dataset));
    if (!found.length && "nearest" in find.dataset) found = nearest(words.join(""));
    for (const each of rows) each.row.hidden = !found.includes(each);
    for (const group of groups) group.hidden = !group.querySelector(".kz-row:not([hidden])");
    document.querySelector("[data-all]")?.toggleAttribute("open", words.length > 0);
    document.documentElement.toggleAttribute("data-searching", words.length > 0);
    if (!found.length) result.textContent = result.dataset.none;
    else result.textContent = words.length ? result.dataset.count.replace("{}", found.length) : "";
  };
  // A kept page is the whole list, whatever was asked for: the question stands in the address. A page that the server
  // has shortened is asked for anew, since what is not on it cannot be found here.
  const asked = new URLSearchParams(location.search).get("q");
  if (asked && !find.value) {
    find.value = asked;
    look();
  }
  if (!find.defaultValue) {
    find.addEventListener("input", look);
    // What is not in the rows is looked for in the whole answers, which the server has; a number is sent to nobody.
    find.form.addEventListener("submit", (event) => {
      look();
      const isSent = "nearest" in find.dataset && navigator.onLine && find.value.trim() && !/[0-9]{4}/.test(asciiDigits(find.value));
      if (!isSent) event.preventDefault();
    });
  }
}
