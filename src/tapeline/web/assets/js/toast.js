// Short messages over the oldest bars, read out by screen readers. They go by themselves, bad news after twice as long,
// but not from under the mouse. The same message again stays longer and is counted, rather than shown twice.
import { h, text } from "./dom.js";

const SHOWN_MS = 6000;
const MOST = 3;
const again = new WeakMap(); // of each box, what renews it

// `action` may be a button below the message: { name, run }.
export function toast(message, kind = "", title = null, action = null) {
  const container = document.querySelector("[data-part=toasts]");
  const said = JSON.stringify([kind, title, message, action?.name]);
  const before = [...container.children].find(({ dataset }) => dataset.said === said);
  if (before) {
    again.get(before)(action);
    return;
  }
  let [timer, times, newest] = [0, 1, action];
  const dismiss = () => box.remove();
  const count = h("small", { class: "none" });
  const box = h("div", { class: `toast ${kind}`, "data-said": said },
    h("div", {}, title && h("b", {}, title), h("span", {}, message), " ", count,
      action && h("button", { type: "button", class: "link", onclick: () => { newest.run(); dismiss(); } }, action.name)),
    h("button", { type: "button", class: "icon", "aria-label": "Dismiss", onclick: dismiss }, "×"));
  container.append(box);
  while (container.children.length > MOST) container.firstElementChild.remove();
  const stay = () => {
    clearTimeout(timer);
    timer = setTimeout(() => (box.matches(":hover, :focus-within") ? stay() : dismiss()), kind ? 2 * SHOWN_MS : SHOWN_MS);
  };
  again.set(box, (action) => {
    newest = action;
    text(count, `${++times} times`);
    stay();
  });
  stay();
}
