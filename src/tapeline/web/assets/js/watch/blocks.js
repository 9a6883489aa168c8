// The rows of a long list in blocks, each of which the browser lays out and draws only where it is seen.
import { h } from "../dom.js";

const ROWS = 20; // of one block: whether it is seen is asked at each frame, so that a block for each row would cost more than it saves

// Puts these rows into a list in their order; what stays where it is keeps the keyboard and the mouse.
export function fillBlocks(list, rows) {
  const count = Math.ceil(rows.length / ROWS);
  while (list.children.length > count) list.lastChild.remove();
  while (list.children.length < count) list.append(h("ul", { role: "presentation" }));
  [...list.children].forEach((block, k) => {
    const these = rows.slice(k * ROWS, (k + 1) * ROWS);
    if (these.length === block.children.length && these.every((row, i) => row === block.children[i])) return;
    block.replaceChildren(...these);
    block.style.setProperty("--rows", these.length);
  });
}
