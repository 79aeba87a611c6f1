// Where the keyboard's focus is and whether it can be seen; asked with "stops", where it must come by, in order.
(question) => {
  const called = (element) => {
    const copy = element.cloneNode(true);
    copy.querySelectorAll("rt, rp").forEach((reading) => reading.remove());
    return `${element.tagName} ${element.name || ""} ${element.value || ""} ${copy.textContent.replace(/\s+/g, "")}`;
  };

  if (question === "stops") {
    const seen = (element) => element.checkVisibility({ visibilityProperty: true });
    const groups = new Set();
    const isStop = (element) => {
      if (element.type !== "radio") return true;
      const group = [...document.querySelectorAll(`input[type=radio][name="${element.name}"]`)];
      const stop = group.find((radio) => radio.checked) ?? group[0];
      return element === stop && !groups.has(element.name) && groups.add(element.name);
    };
    const pressable = "a[href], button, summary, select, textarea, input:not([type=hidden])";
    return [...document.querySelectorAll(pressable)].filter(seen).filter(isStop).map(called);
  }

  const element = document.activeElement;
  if (!element || element === document.body || element === document.documentElement) return null;
  const ringed = [element, element.closest("label"), element.querySelector("b, span")].filter(Boolean);
  const ring = Math.max(
    ...ringed.map((one) => {
      const style = getComputedStyle(one);
      return style.outlineStyle === "none" ? 0 : parseFloat(style.outlineWidth);
    }),
  );
  const box = (element.closest("label") ?? element).getBoundingClientRect();
  const top = document.elementFromPoint(box.left + box.width / 2, box.top + box.height / 2);
  const own = element.closest("label") ?? element;
  return { called: called(element), ring, covered: !top || !(own.contains(top) || top.contains(own)) };
}
