// The list of keys, and how the page looks.
import { dialog, h } from "./dom.js";
import { MODES, PAIRS, choose, chosen } from "./theme.js";

const KEYS = [
  ["/", "search the watch-list; Enter shows the first match"],
  ["↑ ↓", "the symbol above or below"],
  ["1 2 3 4", "chart, model, alerts, health"],
  ["[ ]", "shorter or longer candles"],
  ["i", "indicators"],
  ["r", "past ranges, and the closes that left them"],
  ["+ −", "zoom in or out"],
  ["← →", "back or forward in time"],
  ["End", "to the newest bar"],
  ["?", "this list"],
];

export function openHelp() {
  dialog("Keys", h("dl", { class: "keys" }, KEYS.map(([keys, action]) => [h("dt", {}, h("kbd", {}, keys)), h("dd", {}, action)])));
}

export function openAppearance() {
  const choices = (name, title, labels) => h("fieldset", {}, h("legend", {}, title),
    Object.entries(labels).map(([value, label]) => h("div", { class: "check" },
      h("input", { type: "radio", name, id: `${name}-${value}`, value, checked: chosen[name] === value, onchange: () => choose({ [name]: value }) }),
      h("label", { for: `${name}-${value}` }, label))));
  dialog("Appearance", choices("mode", "Theme", MODES), choices("pair", "Colours of up and down", PAIRS));
}
