// Short messages over the oldest bars, read out by screen readers. They go by themselves, bad news after twice as long,
// but not from under the mouse.
import { h } from "./dom.js";

const SHOWN_MS = 6000;
const MOST = 3;

// `action` may be a button below the message: { name, run }.
export function toast(message, kind = "", title = null, action = null) {
  const container = document.querySelector("[data-part=toasts]");
  const dismiss = () => box.remove();
  const box = h("div", { class: `toast ${kind}` },
    h("div", {}, title && h("b", {}, title), h("span", {}, message),
      action && h("button", { type: "button", class: "link", onclick: () => { action.run(); dismiss(); } }, action.name)),
    h("button", { type: "button", class: "icon", "aria-label": "Dismiss", onclick: dismiss }, "×"));
  container.append(box);
  while (container.children.length > MOST) container.firstElementChild.remove();
  const leave = () => setTimeout(() => (box.matches(":hover, :focus-within") ? leave() : dismiss()), kind ? 2 * SHOWN_MS : SHOWN_MS);
  leave();
}
