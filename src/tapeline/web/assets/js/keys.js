// The keyboard, wherever no field or dialog has it.
import { keyboardTaken } from "./dom.js";

const CHART_ONLY = new Set(["ArrowDown", "ArrowUp", "ArrowLeft", "ArrowRight", "+", "=", "-", "[", "]", "End", "/"]);

// `on` has a function for each key's action, `on.alt` those of keys pressed with Alt, by the key's letter or digit.
export function bindKeys(on) {
  const actions = {
    "/": () => on.search(""), "?": on.help, End: on.newest, Escape: on.leave,
    ArrowDown: () => on.move(1), ArrowUp: () => on.move(-1),
    ArrowLeft: () => on.pan(-0.2), ArrowRight: () => on.pan(0.2),
    "+": () => on.zoom(0.8), "=": () => on.zoom(0.8), "-": () => on.zoom(1.25),
    "[": () => on.interval(-1), "]": () => on.interval(1),
  };
  addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.defaultPrevented) return;
    if (event.key === "Escape" && event.repeat) return; // it has closed something, and is still held down
    if (keyboardTaken(event.target)) return;
    if (!event.altKey && event.target.closest(".scroll")) return; // the arrows scroll it
    const action = event.altKey ? on.alt[event.code.replace(/^(Key|Digit)/, "")] : typed(event.key) ?? own(event.key);
    if (!action) return;
    event.preventDefault();
    action();
  });

  function own(key) {
    const shown = !CHART_ONLY.has(key) || document.body.dataset.tab === "chart";
    return shown && Object.hasOwn(actions, key) ? actions[key] : null;
  }

  // Letters search for a symbol, digits for an interval.
  function typed(key) {
    if (/^[A-Za-z^]$/.test(key)) return () => on.search(key);
    return /^[1-9]$/.test(key) && document.body.dataset.tab === "chart" ? () => on.digit(key) : null;
  }
}
