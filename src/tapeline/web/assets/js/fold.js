// The button that hides the watch-list or shows it again; this browser remembers which.
import { attribute } from "./dom.js";
import { remember, remembered } from "./prefs.js";

export function bindFold(button) {
  const fold = (on) => {
    document.body.classList.toggle("folded", on);
    attribute(button, "aria-expanded", String(!on));
  };
  button.addEventListener("click", () => {
    const on = !document.body.classList.contains("folded");
    remember("folded", on);
    fold(on);
  });
  fold(remembered("folded", false) === true);
}
