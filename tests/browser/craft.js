// What a well-made page must be, judged in the page itself. Answers a list of complaints; an empty one is praise.
({ ours, lang }) => {
  const complaints = [];
  const root = document.documentElement;
  const all = (selector, within = document) => [...within.querySelectorAll(selector)];
  const bare = (text) => text.replace(/[\s\u200b]+/g, "");

  const words = (element) => {
    const copy = element.cloneNode(true);
    all("rt, rp", copy).forEach((reading) => reading.remove());
    return bare(copy.textContent);
  };
  const called = (element) => `<${element.tagName.toLowerCase()}> ${words(element).slice(0, 30) || element.id}`;
  const isSeen = (element) => {
    const box = element.getBoundingClientRect();
    return box.width > 1 && box.height > 1 && element.checkVisibility({ visibilityProperty: true });
  };
  const isPainted = (element) => {
    const style = getComputedStyle(element);
    return parseFloat(style.borderRightWidth) > 0 || !/[,/] 0\)$/.test(style.backgroundColor);
  };
  const cards = new Map(); // of each parent, since its children lie on the same card
  const cardOf = (element) => {
    const card = element.parentElement;
    if (!card || card === document.body) return card;
    if (!cards.has(card)) cards.set(card, isPainted(card) ? card : cardOf(card));
    return cards.get(card);
  };

  // Head: the first words heard are the news
  const h1 = all("h1");
  if (h1.length !== 1) complaints.push(`${h1.length} h1`);
  const title = bare(document.title);
  if (ours && lang === "ja" && h1.length && !title.startsWith("エラー：") && !title.startsWith(words(h1[0]))) {
    complaints.push(`the title ${document.title} does not begin with the heading ${words(h1[0])}`);
  }
  if (!title) complaints.push("no title");
  if (root.lang !== lang) complaints.push(`lang is ${root.lang || "missing"}`);

  // Nothing wider than the screen, nothing outside its card
  if (root.scrollWidth > root.clientWidth) {
    complaints.push(`scrolls sideways: ${root.scrollWidth} px of ${root.clientWidth}`);
  }
  for (const element of all("body *:not(svg *)").filter(isSeen)) {
    const box = element.getBoundingClientRect();
    if (box.right > root.clientWidth + 0.5 || box.left < -0.5) complaints.push(`off the screen: ${called(element)}`);
    const card = cardOf(element);
    if (!card || getComputedStyle(element).position === "absolute") continue;
    const around = card.getBoundingClientRect();
    const past = element.tagName === "RT" ? Math.max(around.top - box.top, box.bottom - around.bottom) : 0;
    if (Math.max(box.right - around.right, around.left - box.left, past) > 1) {
      complaints.push(`outside its card: ${called(element)} of ${called(card)}`);
    }
  }

  // A list's marks hang to the left of it
  for (const item of all("li").filter(isSeen)) {
    const { display, listStyleType, listStylePosition, fontSize } = getComputedStyle(item);
    const hangs = display === "list-item" && listStyleType !== "none" && listStylePosition === "outside";
    if (hangs && item.getBoundingClientRect().left < parseFloat(fontSize)) {
      complaints.push(`its mark is off the screen: ${called(item)}`);
    }
  }

  // What one presses is as large as a fingertip. A link inside a sentence is as tall as its line.
  const target = (element) => (element.tagName === "INPUT" && element.closest("label")) || element;
  const isInSentence = (link) =>
    link.tagName === "A" &&
    getComputedStyle(link).display === "inline" &&
    words(link.parentElement).length > words(link).length;
  const pressable = "a[href], button, summary, select, textarea, input:not([type=hidden])";
  for (const element of new Set(all(pressable).map(target))) {
    if (!isSeen(element) || isInSentence(element)) continue;
    const { width, height } = element.getBoundingClientRect();
    const least = ours && element.querySelector?.("input[type=radio]") ? 56 : 44;
    if (width < 43.9 || height < least - 0.1) {
      complaints.push(`small: ${called(element)} ${Math.round(width)}×${Math.round(height)}`);
    }
  }

  // No field of ours could hold the four digits or a My Number
  if (ours) {
    for (const field of all("input:not([type=hidden], [type=radio], [type=checkbox])")) {
      const { type, maxLength, inputMode } = field;
      if (type !== "text" || [4, 12].includes(maxLength) || inputMode) complaints.push(`a field for digits: ${field.name}`);
    }
  }
  return [...new Set(complaints)];
}
