// What lies on what: words of the page on each other, words of a figure on each other, on marks or on lines.
// Lines of the grid and of the axes may pass under words, and so may a line behind an opaque box of its own.
() => {
  const found = new Set();
  const over = (a, b, across, down) =>
    Math.min(a.right, b.right) - Math.max(a.left, b.left) > across &&
    Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top) > down;

  // words of the page, line by line
  const lines = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let node = walker.nextNode(); node; node = walker.nextNode()) {
    const parent = node.parentElement;
    if (!node.textContent.trim() || parent.closest('svg, style, .skip')) continue;
    const shown = getComputedStyle(parent);
    if (shown.visibility === 'hidden') continue;
    const range = document.createRange();
    range.selectNodeContents(node);
    for (const box of range.getClientRects())
      if (box.width > 1 && box.height > 1) lines.push([node.textContent.trim().slice(0, 40), box]);
  }
  lines.sort((a, b) => a[1].top - b[1].top);
  lines.forEach(([words, box], i) => {
    for (let k = i + 1; k < lines.length && lines[k][1].top < box.bottom; k++)
      if (over(box, lines[k][1], 1, 3)) found.add(`page: "${words}" on "${lines[k][0]}"`);
  });

  for (const svg of document.querySelectorAll('figure svg')) {
    const frame = svg.getBoundingClientRect();
    if (!frame.width) continue;
    const size = frame.width / svg.viewBox.baseVal.width;
    const words = [...svg.querySelectorAll('text')]
      .filter((e) => e.textContent.trim())
      .map((e) => [e.textContent.trim(), e.getBoundingClientRect(), e]);
    words.forEach(([first, a], i) => {
      for (const [second, b] of words.slice(i + 1))
        if (over(a, b, 1 * size, 1.5 * size)) found.add(`figure: "${first}" on "${second}"`);
    });
    for (const mark of svg.querySelectorAll('use')) {
      const b = mark.getBoundingClientRect();
      if (mark.closest('clipPath, defs') || b.width < 3 * size || b.height < 3 * size) continue;
      for (const [word, a] of words) if (over(a, b, 1.5 * size, 2 * size)) found.add(`figure: a mark on "${word}"`);
    }
    const boxes = [...svg.querySelectorAll('path')].filter((path) => {
      const style = getComputedStyle(path);
      return path.style.fill.includes('--fig-paper') && style.opacity === '1' && style.fillOpacity === '1';
    });
    for (const path of svg.querySelectorAll('path')) {
      const stroke = path.style.stroke;
      if (path.closest('clipPath, defs') || !stroke || stroke === 'none') continue;
      if (/--fig-(grid|paper)/.test(stroke) || path.closest('[id*="xtick"], [id*="ytick"]')) continue;
      const around = path.getBoundingClientRect();
      const near = words.filter(([, box]) => over(around, box, -1, -1));
      if (!near.length) continue;
      const to = path.getScreenCTM(), length = path.getTotalLength();
      for (let along = 0; along <= length; along += Math.max(1.5, length / 4000)) {
        const point = path.getPointAtLength(along).matrixTransform(to);
        for (const [word, box, text] of near) {
          const down = (box.bottom - box.top) / 4;
          if (point.x < box.left + 1 || point.x > box.right - 1) continue;
          if (point.y < box.top + down || point.y > box.bottom - down) continue;
          const hidden = boxes.some((one) => {
            const b = one.getBoundingClientRect();
            const after = path.compareDocumentPosition(one) & Node.DOCUMENT_POSITION_FOLLOWING;
            return after && b.left <= box.left + 2 && b.right >= box.right - 2 && over(b, box, 1, 1);
          });
          if (!hidden) found.add(`figure: a line on "${word}"`);
        }
      }
    }
  }
  return [...found];
}
