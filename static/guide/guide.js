// The notice alone on a sheet of its own.
document.querySelector("[data-print-sheet]")?.addEventListener("click", () => {
  const root = document.documentElement;
  root.dataset.sheet = "";
  addEventListener("afterprint", () => delete root.dataset.sheet, { once: true });
  print();
});
