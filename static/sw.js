// Keeps hashed static files, the offline page, and the guide's public pages: never a page with anybody's answers.
// VERSION and KEPT are written above by the server.
const CACHE = `kazasu-${VERSION}`;
const GUIDE = "kazasu-guide";
const OFFLINE = "/offline";
const BUNDLE = "/guide-kept";
const PATIENCE = 4000;
const GUARDS = ["Content-Security-Policy", "Referrer-Policy", "X-Content-Type-Options", "Permissions-Policy"];

// It fetches nothing: in WebKit, leaving the page meanwhile would keep it "installing" for minutes.
addEventListener("install", () => skipWaiting());

const keepFiles = async () => {
  const cache = await caches.open(CACHE);
  if (!(await cache.match(OFFLINE))) await cache.addAll([OFFLINE, ...KEPT]);
  // Only now: on a lost line what an older worker kept still answers
  for (const name of await caches.keys()) if (name !== CACHE && name !== GUIDE) await caches.delete(name);
};

addEventListener("activate", (event) => {
  event.waitUntil(clients.claim());
  keepFiles().catch(() => {}); // no page waits for it; each asks again
});

// Every page asks; a worker forgets what is not kept, so the bundle says when it was: for five minutes none is fetched.
let keeping;
const keepGuide = async (entry) => {
  const cache = await caches.open(GUIDE);
  const before = await cache.match(BUNDLE);
  const of = before?.headers.get("Kept-Of") ?? "";
  // Another station's entry was opened on this phone: its numbers take the place of the former ones at once.
  if ((!entry || entry === of) && Date.now() - Number(before?.headers.get("Kept-At") ?? 0) < 300e3) return;
  const known = before && (await before.text());
  const done = (version) => cache.put(BUNDLE, new Response(version, { headers: { "Kept-At": Date.now(), "Kept-Of": entry ?? of } }));
  const answer = await fetch(BUNDLE, known ? { headers: { "If-None-Match": `"${known}"` } } : {});
  if (answer.status === 304) return done(known);
  if (!answer.ok) return;
  const { version, pages, files } = await answer.json();
  const guards = GUARDS.map((name) => [name, answer.headers.get(name)]).filter(([, value]) => value);
  const headers = { "Content-Type": "text/html; charset=utf-8", ...Object.fromEntries(guards) };
  const wanted = [BUNDLE, ...Object.keys(pages), ...files];
  for (const file of files) if (!(await cache.match(file))) await cache.add(file);
  for (const [address, html] of Object.entries(pages)) await cache.put(address, new Response(html, { headers }));
  await done(version);
  // Last of all: until here the guide from before is whole.
  for (const { url } of await cache.keys()) if (!wanted.includes(new URL(url).pathname)) await cache.delete(url);
};
addEventListener("message", (event) => {
  const [keep, entry] = String(event.data).split(" ");
  if (keep !== "keep") return;
  keeping ??= keepFiles().then(() => keepGuide(entry)).catch(() => {}).finally(() => (keeping = undefined)); // the next page asks again
  event.waitUntil(keeping);
});

const kept = async (request) => {
  const found = await caches.match(request);
  if (found) return found;
  const fresh = await fetch(request);
  if (fresh.ok && fresh.headers.get("Cache-Control")?.includes("immutable")) {
    const copy = fresh.clone();
    caches.open(CACHE).then((cache) => cache.put(request, copy)).catch(() => {}); // a full phone still shows the page
  }
  return fresh;
};

const visited = async (request, path) => {
  const guide = /^\/guide(\/|$)/.test(path) && (await caches.match(path));
  const late = new Promise((_, reject) => guide && setTimeout(reject, PATIENCE));
  try {
    const answer = await Promise.race([fetch(request), late]);
    return guide && answer.status >= 500 ? guide : answer;
  } catch {
    return guide || caches.match(OFFLINE);
  }
};

addEventListener("fetch", (event) => {
  const url = new URL(event.request.url);
  if (url.origin !== location.origin) return;
  if (event.request.mode === "navigate") event.respondWith(visited(event.request, url.pathname));
  else if (event.request.method === "GET" && url.pathname.startsWith("/static/")) event.respondWith(kept(event.request));
});
