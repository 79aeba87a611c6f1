// A phone that can speak, for a browser that cannot: it keeps silent and writes down what it was given to say. As on an
// iPhone, nothing is said until somebody has pressed something, nor right after a `cancel`.
(voices) => {
  const SWALLOWS = 100;
  const note = (...what) => {
    sessionStorage.heard = JSON.stringify([...JSON.parse(sessionStorage.heard ?? "[]"), what]);
  };
  const speech = {};
  let queue = [];
  let wasPressed = false;
  let cancelled = -Infinity;
  const begin = () => setTimeout(() => queue[0]?.onstart?.(new Event("start")));
  Object.assign(speech, {
    getVoices: () => voices,
    speak(utterance) {
      wasPressed ||= globalThis.event?.type === "click"; // within the tap, not after it
      const isSwallowed = performance.now() - cancelled < SWALLOWS;
      note(wasPressed && !isSwallowed ? "says" : "swallows", utterance.text, utterance.lang, utterance.voice?.name ?? "");
      if (!wasPressed || isSwallowed) return;
      queue.push(utterance);
      if (queue.length === 1) begin();
    },
    cancel() {
      note("stops");
      cancelled = performance.now();
      for (const utterance of queue) setTimeout(() => utterance.onerror?.(new Event("error")));
      queue = [];
    },
    // What a test does in the engine's place
    finishes() {
      queue.shift().onend?.(new Event("end"));
      begin();
    },
    learns(others) {
      voices = others;
      speech.onvoiceschanged?.(new Event("voiceschanged"));
    },
  });
  Object.defineProperty(globalThis, "speechSynthesis", { value: speech });
  globalThis.SpeechSynthesisUtterance = class {
    lang = "";
    voice = null;
    constructor(text) {
      this.text = text;
    }
  };
}
