// Reads the page aloud, sentence by sentence, where the phone itself has a voice for it. A voice that would send the words
// to somebody's server counts as none: what is read here is what a patient chooses.
const speech = globalThis.speechSynthesis;
const places = [...document.querySelectorAll("[data-aloud]")];

const SILENT = "nav, form, button, input, summary, template, svg, rt, rp, .kz-button, .kz-only-heard, .kz-change, [aria-hidden=true], [hidden], details:not([open]) > *";
const END_OF_SENTENCE = /([。．！？!?][」』）)]*)(?![。．！？!?」』）)])|(\.)\s/g;
const RATE = 0.9; // a little slower than phones speak by themselves
const PAUSE = 250; // ms: an iPhone swallows what is said right after a `cancel`

// Who speaks a language; of several, the one of the country in which most speak it: `zh-Hans` is read by `zh-CN`.
const voiceFor = (tag) => {
  const { language, region } = new Intl.Locale(tag).maximize();
  const able = speech.getVoices().filter(({ lang }) => lang.split(/[-_]/)[0].toLowerCase() === language);
  const own = able.filter(({ localService }) => localService);
  const voice = own.find(({ lang }) => lang.split(/[-_]/).includes(region)) ?? own[0];
  // Named only where the browser might take one that is not the phone's; else the person's own setting holds.
  return voice && { lang: voice.lang, voice: own.length < able.length ? voice : null };
};

// What is read: each sentence with the block in which it stands, and the language that it is in.
const blockOf = (element) => (/^(inline|ruby|contents)/.test(getComputedStyle(element).display) ? blockOf(element.parentElement) : element);
const isSilent = (node) => node.nodeType === Node.ELEMENT_NODE && node.matches(SILENT);
const sentences = (part) => {
  const walker = document.createTreeWalker(part, NodeFilter.SHOW_ELEMENT | NodeFilter.SHOW_TEXT, (node) =>
    isSilent(node) ? NodeFilter.FILTER_REJECT : NodeFilter.FILTER_ACCEPT,
  );
  const lines = [];
  let line;
  while (walker.nextNode()) {
    const { nodeName, nodeType, parentElement, data } = walker.currentNode;
    if (nodeName === "BR") line = undefined;
    if (nodeType !== Node.TEXT_NODE) continue;
    const block = blockOf(parentElement);
    const { lang } = parentElement.closest("[lang]");
    if (line?.block !== block || line.lang !== lang) lines.push((line = { block, lang, text: "" }));
    line.text += data;
  }
  return lines.flatMap(({ text, ...where }) => {
    const found = text.replace(/\u200b/g, "").replace(/\s+/g, " ").replace(END_OF_SENTENCE, "$1$2\n").split("\n").map((words) => words.trim());
    return found.filter((words) => /[\p{L}\p{N}]/u.test(words)).map((words) => ({ words, ...where }));
  });
};

let reading; // whose part is read, with its utterances: a browser may lose those that nobody holds
let quietFrom = 0;

const mark = (block) => {
  document.querySelector(".kz-read-now")?.classList.remove("kz-read-now");
  block?.classList.add("kz-read-now");
};
const show = (place, isLoud) => {
  const [speaker, quiet, square, loud] = place.firstChild.children;
  place.toggleAttribute("data-reading", isLoud);
  for (const each of [speaker, quiet]) each.toggleAttribute("hidden", isLoud);
  for (const each of [square, loud]) each.toggleAttribute("hidden", !isLoud);
};
const end = () => {
  clearTimeout(reading.timer);
  show(reading.place, false);
  mark();
  reading = undefined;
};
const stop = () => {
  if (!reading) return;
  end();
  speech.cancel();
  quietFrom = performance.now() + PAUSE;
};
const utterance = ({ words, block, voice }, mine) => {
  const said = Object.assign(new SpeechSynthesisUtterance(words), { ...voice, rate: RATE });
  said.onstart = () => mine === reading && mark(block);
  said.onend = said.onerror = () => mine === reading && said === mine.utterances.at(-1) && end();
  return said;
};
// All sentences are handed over within the tap, since an iPhone says nothing that nobody pressed for. The page is not
// scrolled along: an answer must not move away under a finger.
const read = (place) => {
  stop();
  const mine = { place };
  const all = sentences(place.parentElement).map((each) => ({ ...each, voice: voiceFor(each.lang) }));
  mine.utterances = all.filter(({ voice }) => voice).map((each) => utterance(each, mine));
  if (!mine.utterances.length) return;
  reading = mine;
  show(place, true);
  const say = () => mine.utterances.forEach((each) => speech.speak(each));
  const wait = quietFrom - performance.now();
  if (wait > 0) mine.timer = setTimeout(say, wait);
  else say();
};

// The button: its words are the page's, and it is called after the heading of what it reads.
const SPEAKER = "M3 9v6h4l5 4.5v-15L7 9zM15.5 9a4.5 4.5 0 0 1 0 6M18.3 6a8.5 8.5 0 0 1 0 12";
const SQUARE = "M6 6h12v12H6z";
const icon = (shape, fill = "none") => `<svg class="kz-icon" viewBox="0 0 24 24" fill="${fill}" stroke="currentColor" stroke-width="2" stroke-linecap="round" stroke-linejoin="round" aria-hidden="true"><path d="${shape}"/></svg>`;
const equip = (place) => {
  const button = Object.assign(document.createElement("button"), { type: "button", className: "kz-tool" });
  button.innerHTML = icon(SPEAKER) + icon(SQUARE, "currentColor");
  const [quiet, loud] = document.getElementById("aloud").content.cloneNode(true).children;
  button.firstChild.after(quiet);
  const name = Object.assign(document.createElement("span"), { className: "kz-only-heard" });
  name.textContent = `（${sentences(place.parentElement.querySelector("h1, h2"))[0].words}）`;
  button.append(loud, name);
  button.addEventListener("click", () => (reading?.place === place ? stop() : read(place)));
  place.append(button);
  show(place, false);
};
const listen = () => {
  const has = Boolean(voiceFor(document.documentElement.lang));
  for (const place of places) {
    if (has && !place.firstChild) equip(place);
    place.hidden = !has;
  }
  if (!has) stop();
};
if (speech) {
  listen();
  speech.onvoiceschanged = listen; // voices often come later than the page; older Safaris take no listener here
  addEventListener("pagehide", stop);
}
