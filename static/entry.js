// The entry needs two things: the offline page kept for later, and no copy of it shown from the back/forward cache.
if ("serviceWorker" in navigator) {
  addEventListener("load", () => navigator.serviceWorker.register("/sw.js"));
}
addEventListener("pageshow", (event) => {
  if (event.persisted) location.reload();
});
