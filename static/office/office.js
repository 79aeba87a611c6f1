// What the office's pages do beyond HTML: print, read a QR code, passkeys, copy, and cover themselves when left alone.
// All words are in the pages. A button that needs a script is `hidden` there, and shown here where it can work.

const root = document.documentElement;
const find = (selector) => document.querySelector(selector);
const show = (selector) => find(selector)?.removeAttribute("hidden");
const hide = (selector) => find(selector)?.setAttribute("hidden", "");
const sleep = (ms) => new Promise((wake) => setTimeout(wake, ms));

// htmx as the content policy needs it: it evaluates nothing, writes no style, and keeps no copy of a page.
if (globalThis.htmx) {
  Object.assign(htmx.config, {
    allowEval: false,
    allowScriptTags: false,
    includeIndicatorStyles: false,
    selfRequestsOnly: true,
    historyCacheSize: 0,
    refreshOnHistoryMiss: true,
    responseHandling: [
      { code: "204", swap: false },
      { code: "[23]..", swap: true },
      { code: "422", swap: true },
      { code: "[45]..", swap: false, error: true },
    ],
  });
}

// --- A QR code by the camera ------------------------------------------------------------------------------------

const A_FEW_TIMES_A_SECOND = 200;

const qrDetector = async (decoder) => {
  const formats = (await globalThis.BarcodeDetector?.getSupportedFormats()) ?? [];
  const { BarcodeDetector } = formats.includes("qr_code") ? globalThis : await import(decoder);
  return new BarcodeDetector({ formats: ["qr_code"] });
};

const firstText = async (video, detector, closed) => {
  while (!closed.aborted) {
    const [found] = await detector.detect(video);
    if (found?.rawValue) return found.rawValue;
    await sleep(A_FEW_TIMES_A_SECOND);
  }
};

const scan = async ({ dataset }) => {
  const view = find("[data-scan-view]");
  const video = view.querySelector("video");
  const closing = new AbortController();
  const { signal } = closing;
  let stream;
  // Without the camera there is another way, and the message names it; whoever closes the view knows.
  const refuse = () => {
    if (!signal.aborted) show("[data-scan-refused]");
    closing.abort();
  };
  signal.addEventListener("abort", () => {
    stream?.getTracks().forEach((track) => track.stop());
    if (video.srcObject === stream) video.srcObject = null;
    view.close();
  });
  view.addEventListener("close", () => closing.abort(), { signal });
  document.addEventListener("visibilitychange", () => document.hidden && refuse(), { signal });
  addEventListener("pagehide", refuse, { signal });

  hide("[data-scan-refused]");
  view.showModal();
  try {
    stream = await navigator.mediaDevices.getUserMedia({ video: { facingMode: "environment", width: { ideal: 1280 } } });
    const [track] = stream.getVideoTracks();
    if (signal.aborted) return track.stop();
    track.addEventListener("ended", refuse, { signal });
    video.srcObject = stream;
    const [detector] = await Promise.all([qrDetector(dataset.decoder), video.play()]);
    const text = await firstText(video, detector, signal);
    if (signal.aborted) return;
    closing.abort();
    const target = document.getElementById(dataset.target);
    target.value = text;
    target.form.requestSubmit();
  } catch {
    refuse();
  }
};

// --- Passkeys ---------------------------------------------------------------------------------------------------

const bytesOf = (text) => Uint8Array.from(atob(text.replaceAll("-", "+").replaceAll("_", "/")), (char) => char.charCodeAt(0));
const textOf = (buffer) =>
  btoa(String.fromCharCode(...new Uint8Array(buffer))).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");

// For browsers that have passkeys, but not yet the JSON forms
const parsed = ({ challenge, user, allowCredentials = [], excludeCredentials = [], ...rest }) => {
  const described = (list) => list.map((one) => ({ ...one, id: bytesOf(one.id) }));
  return {
    ...rest,
    challenge: bytesOf(challenge),
    ...(user ? { user: { ...user, id: bytesOf(user.id) }, excludeCredentials: described(excludeCredentials) } : {}),
    ...(user ? {} : { allowCredentials: described(allowCredentials) }),
  };
};
const PARTS = ["clientDataJSON", "attestationObject", "authenticatorData", "signature", "userHandle"];
const written = ({ id, rawId, type, response }) => ({
  id,
  rawId: textOf(rawId),
  type,
  response: Object.fromEntries(PARTS.filter((part) => response[part]).map((part) => [part, textOf(response[part])])),
});

const ceremony = {
  create: (options) =>
    navigator.credentials.create({ publicKey: (PublicKeyCredential.parseCreationOptionsFromJSON ?? parsed)(options) }),
  get: (options) =>
    navigator.credentials.get({ publicKey: (PublicKeyCredential.parseRequestOptionsFromJSON ?? parsed)(options) }),
};

const prove = async (button) => {
  if (button.dataset.busy) return;
  button.dataset.busy = "1";
  hide("[data-passkey-refused]");
  hide("[data-passkey-known]");
  try {
    const credential = await ceremony[button.dataset.passkey](JSON.parse(button.dataset.options));
    button.form.elements.credential.value = JSON.stringify(credential.toJSON?.() ?? written(credential));
    button.form.requestSubmit();
  } catch (error) {
    const isKnown = error.name === "InvalidStateError" && find("[data-passkey-known]");
    show(isKnown ? "[data-passkey-known]" : "[data-passkey-refused]");
  } finally {
    delete button.dataset.busy;
  }
};

// --- Copying ----------------------------------------------------------------------------------------------------

const copy = async (button) => {
  const source = button.dataset.copy.startsWith("#") ? find(button.dataset.copy) : null;
  try {
    await navigator.clipboard.writeText(source ? (source.value ?? source.textContent).replace(/\u200b/g, "").trim() : button.dataset.copy);
    button.nextElementSibling.textContent = button.dataset.copied;
  } catch {
    // the browser does not let us: nothing is said, and the text can still be copied by hand
  }
};

// --- Buttons ----------------------------------------------------------------------------------------------------

const BUTTONS = [
  ["[data-print]", () => true, () => print()],
  ["[data-scan]", () => navigator.mediaDevices, scan],
  ["[data-passkey]", () => globalThis.PublicKeyCredential && navigator.credentials, prove],
  ["[data-copy]", () => navigator.clipboard, copy],
];

const prepare = (part) => {
  for (const [selector, isPossible] of BUTTONS) {
    for (const button of part.querySelectorAll(selector)) button.hidden = !isPossible();
  }
  // What is said after copying is heard only in a place that was there before
  for (const button of part.querySelectorAll("[data-copy]")) {
    if (!button.nextElementSibling?.matches("output")) button.after(document.createElement("output"));
  }
};

document.addEventListener("click", (event) => {
  for (const [selector, , act] of BUTTONS) {
    const button = event.target.closest(selector);
    if (button) return act(button);
  }
  if (event.target.closest("[data-scan-cancel]")) find("[data-scan-view]").close();
});
document.addEventListener("htmx:load", (event) => prepare(event.target.parentElement ?? document));
prepare(document);

if ("printNow" in root.dataset) addEventListener("load", () => print(), { once: true });

// --- A secret behind the # --------------------------------------------------------------------------------------

// It never reaches a server by itself; here it goes into the form, and out of the address bar and the tab's history.
// The browser's own list of places visited may still hold it: such a secret is good once, and not for long.
const takeFragment = () => {
  const field = find("[data-fragment]");
  if (!field || !location.hash) return;
  field.value = location.hash.slice(1);
  history.replaceState(history.state, "", location.pathname + location.search);
};
addEventListener("hashchange", takeFragment);
takeFragment();

// --- The cover --------------------------------------------------------------------------------------------------

// A page that nobody touches covers itself, and keeps its place. It goes by the clock on the wall, which a sleeping
// laptop does not stop, and by what is done in any tab: they share when that was, and nothing else.
const LAST = "kazasu-last";
const SIGNS = ["pointerdown", "pointermove", "keydown", "input", "wheel", "scroll", "submit"];
const A_SECOND = 1000;

const keepWatch = (cover, patience) => {
  let last = Date.now();
  let before = null;

  const others = () => [...document.body.children].filter((part) => part !== cover);
  const shared = () => {
    try {
      return Number(localStorage.getItem(LAST));
    } catch {
      return 0; // no storage: then this tab goes by itself
    }
  };
  const remember = () => {
    const now = Date.now();
    if (Math.abs(now - shared()) < A_SECOND) return;
    try {
      localStorage.setItem(LAST, now);
    } catch {
      // the same
    }
  };
  const touch = () => {
    last = Date.now();
    remember();
  };

  const close = () => {
    before = document.activeElement;
    document.querySelectorAll("dialog[open]").forEach((dialog) => dialog.close()); // they would lie above it
    root.dataset.covered = "";
    for (const part of others()) part.inert = true;
    cover.hidden = false;
    (cover.querySelector("[tabindex], input:not([type=hidden]), button, a[href]") ?? cover).focus({ preventScroll: true });
  };
  const open = () => {
    if (!("covered" in root.dataset)) return;
    delete root.dataset.covered;
    cover.hidden = true;
    for (const part of others()) part.inert = false;
    before?.focus({ preventScroll: true });
    touch();
  };
  const check = () => {
    if ("covered" in root.dataset) return;
    const now = Date.now();
    last = Math.max(last, shared());
    if (last > now) touch(); // the clock was set back
    else if (now - last >= patience) close();
  };
  const notice = (event) => {
    if (event.type === "pointermove" && !event.movementX && !event.movementY) return; // the page moved, not the hand
    check(); // first: the hand that wakes a laptop is no proof of who it belongs to
    if (!("covered" in root.dataset)) touch();
  };

  cover.tabIndex = -1;
  for (const sign of SIGNS) addEventListener(sign, notice, { capture: true, passive: true });
  for (const moment of ["focus", "pageshow", "storage"]) addEventListener(moment, check);
  document.addEventListener("visibilitychange", check);
  document.addEventListener("kazasu:uncover", open); // the server has seen the same person again
  setInterval(check, A_SECOND);
  touch();
};

const cover = find("[data-cover]");
const patience = 1000 * Number(root.dataset.idle);
if (cover && patience > 0) keepWatch(cover, patience);
