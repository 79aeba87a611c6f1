// The number pad and the "hold" button of the practice pages. Digits stay in this page: what is posted is an outcome.
"use strict";

const LENGTH = 4;
const SHOW_LAST_DOT = 250;
const HOLD = 3000;

function pad(root) {
  const form = document.querySelector("[data-outcome]");
  const printed = document.querySelector("[data-number]").textContent.trim();
  const dots = root.querySelectorAll(".dot");
  const said = root.querySelector("[data-said]");
  let entered = "";

  function show() {
    dots.forEach((dot, index) => dot.classList.toggle("full", index < entered.length));
    said.textContent = entered ? entered.length + said.dataset.words : "";
  }

  function decide() {
    const outcome = entered === printed ? "right" : "wrong";
    form.querySelector(`[value="${outcome}"]`).click();
  }

  function press(digit) {
    if (entered.length === LENGTH) return;
    entered += digit;
    show();
    if (entered.length === LENGTH) setTimeout(decide, SHOW_LAST_DOT);
  }

  function erase() {
    if (entered.length === LENGTH) return;
    entered = entered.slice(0, -1);
    show();
  }

  root.addEventListener("click", (event) => {
    const key = event.target.closest("button");
    if (key?.dataset.digit) press(key.dataset.digit);
    else if (key && "erase" in key.dataset) erase();
  });
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.altKey || event.metaKey) return;
    if (/^[0-9]$/.test(event.key)) press(event.key);
    else if (event.key === "Backspace") erase();
  });
  // Coming back through the browser's history starts with an empty pad
  window.addEventListener("pageshow", () => {
    entered = "";
    show();
  });
  form.hidden = true;
  root.hidden = false;
}

function hold(root) {
  const start = root.querySelector("[data-hold-start]");
  const said = root.querySelector("[data-hold-said]");
  const end = document.querySelector("[data-hold-end]");
  start.addEventListener("click", () => {
    start.hidden = true;
    said.textContent = said.dataset.words;
    setTimeout(() => end.click(), HOLD);
  });
  window.addEventListener("pageshow", () => {
    start.hidden = false;
    said.textContent = "";
  });
  root.hidden = false;
}

// What went wrong is read first
document.querySelector("[data-news]")?.focus();
document.querySelectorAll("[data-pad]").forEach(pad);
document.querySelectorAll("[data-hold]").forEach(hold);
