// Asks for a line of text or a number in a dialog.
import { dialog, h, text } from "../dom.js";

// Resolves to what was typed, null where it was left. `label` may be a function of what is typed.
export function asked(title, label, { value = "", type = "text", step = "any", action = "OK", maxlength = 120 } = {}) {
  return new Promise((resolve) => {
    let answer = null;
    const told = h("label", { for: "asked" });
    const tell = () => text(told, typeof label === "function" ? label(input.value) : label);
    const input = h("input", { id: "asked", type, value, step: type === "number" ? step : null, maxlength, required: true, autocomplete: "off", oninput: tell });
    tell();
    const box = dialog(title, h("form", { class: "interval", onsubmit: (event) => { event.preventDefault(); answer = input.value.trim(); box.close(); } },
      told, input, h("footer", {}, h("button", { type: "submit", class: "primary" }, action))));
    box.addEventListener("close", () => resolve(answer || null));
    input.focus();
    input.select();
  });
}
