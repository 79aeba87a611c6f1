// The official page opens in a tab of its own, so that this one is still here when that one is closed.
// Coming back is seen, and asked about; what happened over there is not known.
let left = false;

for (const link of document.querySelectorAll("[data-out]")) {
  link.addEventListener("click", () => {
    left = true;
    const went = document.querySelector("[data-went]");
    // The office learns that the page was opened, though nobody may come back to report.
    if (went) fetch(went.action, { method: "POST", body: new URLSearchParams(new FormData(went)), headers: { "Kazasu-Steady": "1" }, keepalive: true }).catch(() => {});
  });
}
document.addEventListener("visibilitychange", () => {
  if (left && document.visibilityState === "visible") location.assign("/visit/result");
});

// Five minutes before the visit expires one tap holds on.
for (const stay of document.querySelectorAll("[data-left]")) {
  setTimeout(() => (stay.hidden = false), Math.max(0, stay.dataset.left - 300) * 1000);
}

// From a home screen icon there is one frame only: a second tab would be an empty window there.
if (navigator.standalone) {
  document.getElementById("standalone").hidden = false;
  document.getElementById("bare")?.remove();
  for (const link of document.querySelectorAll("[data-out]")) link.removeAttribute("target");
}
