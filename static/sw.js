// Keeps hashed static files and the offline page, and nothing else: never a page with anybody's answers.
// VERSION and KEPT are written above by the server.
const CACHE = `kazasu-${VERSION}`;
const OFFLINE = "/offline";

addEventListener("install", (event) => {
  event.waitUntil(caches.open(CACHE).then((cache) => cache.addAll([OFFLINE, ...KEPT])).then(() => skipWaiting()));
});

addEventListener("activate", (event) => {
  const old = (names) => Promise.all(names.filter((name) => name !== CACHE).map((name) => caches.delete(name)));
  event.waitUntil(caches.keys().then(old).then(() => clients.claim()));
});

const kept = async (request) => {
  const cache = await caches.open(CACHE);
  const found = await cache.match(request);
  if (found) return found;
  const fresh = await fetch(request);
  if (fresh.ok && fresh.headers.get("Cache-Control")?.includes("immutable")) await cache.put(request, fresh.clone());
  return fresh;
};

addEventListener("fetch", (event) => {
  const url = new URL(event.request.url);
  if (url.origin !== location.origin) return;
  if (event.request.mode === "navigate") {
    event.respondWith(fetch(event.request).catch(() => caches.match(OFFLINE)));
  } else if (event.request.method === "GET" && url.pathname.startsWith("/static/")) {
    event.respondWith(kept(event.request));
  }
});
