// Typing where no field has the keyboard: letters search for a symbol, digits choose an interval.
import { dialog, h, text } from "./dom.js";

const INTERVAL = /^([1-9]\d{0,3})(m|h|d|w|mo)?$/;

// The interval that was typed, such as 15 (minutes), 4h, 1d or 1mo; null for anything else.
export function typedInterval(typed) {
  const [, count, unit = "m"] = INTERVAL.exec(typed.trim().toLowerCase()) ?? [];
  if (!count) return null;
  return unit === "m" && count % 60 === 0 ? `${count / 60}h` : count + unit;
}

// Asks for an interval, beginning with what was typed. `choose(interval)` is called with one of `offered`.
export function askInterval(typed, offered, choose) {
  const input = h("input", { id: "interval", value: typed, maxlength: "6", autocomplete: "off", spellcheck: "false", "aria-describedby": "interval-problem" });
  const problem = h("p", { class: "problem", id: "interval-problem", role: "alert" });
  const box = dialog("Interval", h("form", {
    class: "interval",
    onsubmit: (event) => {
      event.preventDefault();
      const interval = typedInterval(input.value);
      if (!offered.includes(interval)) {
        text(problem, `There are ${offered.join(", ")}.`);
        return;
      }
      box.close();
      choose(interval);
    },
  }, h("label", { for: "interval" }, "Minutes, or for example 4h, 1d, 1w"), input, problem,
  h("footer", {}, h("button", { type: "submit", class: "primary" }, "Show"))));
  input.focus();
  input.setSelectionRange(typed.length, typed.length);
}
