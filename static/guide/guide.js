// The guide's search as one types, also without a signal: the twin of `folded` in app/web/guide/topics.py.
const folded = (text) =>
  text
    .normalize("NFKC")
    .toLowerCase()
    .replace(/[\u30a1-\u30f6]/g, (kana) => String.fromCharCode(kana.charCodeAt(0) - 0x60));

const find = document.querySelector("[data-find]");
if (find) {
  const said = document.querySelector("[data-found]");
  const groups = [...document.querySelectorAll("[data-topics]")];
  const look = () => {
    const words = folded(find.value).split(/\s+/).filter(Boolean);
    let count = 0;
    for (const group of groups) {
      const rows = [...group.querySelectorAll("[data-text]")];
      for (const row of rows) row.hidden = !words.every((word) => row.dataset.text.includes(word));
      const left = rows.filter((row) => !row.hidden).length;
      group.hidden = !left;
      count += left;
    }
    if (!count) said.textContent = said.dataset.none;
    else said.textContent = words.length ? said.dataset.count.replace("{}", count) : "";
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
    find.form.addEventListener("submit", (event) => {
      event.preventDefault();
      look();
    });
  }
}

// The notice alone on a sheet of its own.
document.querySelector("[data-print-sheet]")?.addEventListener("click", () => {
  const root = document.documentElement;
  root.dataset.sheet = "";
  addEventListener("afterprint", () => delete root.dataset.sheet, { once: true });
  print();
});
