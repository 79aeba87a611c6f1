// Where the lines of a page end: of each run of text, without readings, the offsets at which a new line begins, and the
// widths of its letters and of its block. A run ends where its block ends, and at a <br>.
() => {
  const isInline = (element) => /^(inline|ruby|contents)$/.test(getComputedStyle(element).display);
  const blockOf = (element) => (isInline(element) && element.parentElement ? blockOf(element.parentElement) : element);
  const widthOf = (block) => {
    const { paddingLeft, paddingRight } = getComputedStyle(block);
    return block.clientWidth - parseFloat(paddingLeft) - parseFloat(paddingRight);
  };
  const unseen = "rt, rp, script, style, svg, title, option, textarea, code, .kz-only-heard, [aria-hidden=true], [hidden]";
  document.querySelectorAll("details").forEach((one) => { one.open = true });
  const runs = [];
  const range = document.createRange();
  const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT | NodeFilter.SHOW_ELEMENT);
  let run;
  while (walk.nextNode()) {
    const node = walk.currentNode;
    if (node.nodeType === Node.ELEMENT_NODE) {
      if (node.tagName === "BR") run = null;
      continue;
    }
    if (node.parentElement.closest(unseen)) continue;
    const block = blockOf(node.parentElement);
    if (run?.block !== block) {
      run = { block, text: "", breaks: [], widths: [], last: null };
      runs.push(run);
    }
    for (let at = 0; at < node.data.length; at += 1) {
      range.setStart(node, at);
      range.setEnd(node, at + 1);
      const box = [...range.getClientRects()].pop();
      if (node.data[at] === "\u200b") continue;
      if (/\s/.test(node.data[at])) {
        if (!run.text.endsWith(" ")) {
          run.text += " ";
          run.widths.push(0);
        }
      } else if (box?.width) {
        if (run.last && box.top > run.last.top + run.last.height / 2 && box.left < run.last.right) run.breaks.push(run.text.length);
        run.last = box;
        run.text += node.data[at];
        run.widths.push(box.width);
      }
    }
  }
  return runs.filter(({ text }) => text.trim()).map(({ block, text, breaks, widths }) => ({
    is_loud: Boolean(block.closest("h1, h2, h3, button, .kz-button")), width: widthOf(block), text, breaks, widths,
  }));
}
