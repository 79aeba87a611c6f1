// The entry needs two things: the offline page kept for later, and no copy of it shown from the back/forward cache.
if ("serviceWorker" in navigator) {
  addEventListener("load", () => navigator.serviceWorker.register("/sw.js"));
  // The guide for dead zones comes when the page has long been there, and nobody waits for it.
  setTimeout(() => navigator.serviceWorker.ready.then(({ active }) => active.postMessage(`keep ${location.pathname}`)), 8000);
}
addEventListener("touchstart", () => {}, { passive: true }); // or iOS shows nothing as pressed
addEventListener("pageshow", (event) => {
  if (!event.persisted) return;
  document.documentElement.hidden = true;
  location.reload();
});
