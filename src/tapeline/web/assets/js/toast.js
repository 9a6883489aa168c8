// Short messages at the corner, read out by screen readers; they go by themselves unless they are bad news.
import { h } from "./dom.js";

const SECONDS = 6;
const MOST = 4;

export function toast(message, kind = "", title = null) {
  const place = document.querySelector("[data-part=toasts]");
  const gone = () => box.remove();
  const box = h("div", { class: `toast ${kind}` },
    h("div", {}, title ? h("b", {}, title) : null, h("span", {}, message)),
    h("button", { type: "button", class: "icon", "aria-label": "Dismiss", onclick: gone }, "×"));
  place.append(box);
  while (place.children.length > MOST) place.firstElementChild.remove();
  setTimeout(gone, (kind ? 3 : 1) * SECONDS * 1000);
}
