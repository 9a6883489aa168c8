// Short messages in the corner, read out by screen readers. They go by themselves, bad news after three times as long.
import { h } from "./dom.js";

const SHOWN_MS = 6000;
const MOST = 4;

export function toast(message, kind = "", title = null) {
  const container = document.querySelector("[data-part=toasts]");
  const dismiss = () => box.remove();
  const box = h("div", { class: `toast ${kind}` },
    h("div", {}, title && h("b", {}, title), h("span", {}, message)),
    h("button", { type: "button", class: "icon", "aria-label": "Dismiss", onclick: dismiss }, "×"));
  container.append(box);
  while (container.children.length > MOST) container.firstElementChild.remove();
  setTimeout(dismiss, kind ? 3 * SHOWN_MS : SHOWN_MS);
}
