// The list of keys, and how the page looks.
import { dialog, h } from "./dom.js";
import { MODES, PAIRS, choose, chosen } from "./theme.js";

const KEYS = [
  ["letters, /", "search the watch-list; Enter shows the first match"],
  ["digits", "an interval: 15 (minutes), 4h, 1d"],
  ["↑ ↓", "the symbol above or below"],
  ["Alt+1 2 3 4 5", "chart, model, alerts, health, screener"],
  ["[ ]", "shorter or longer candles"],
  ["Alt+I", "indicators"],
  ["Alt+R", "past ranges, and the closes that left them"],
  ["Alt+C", "the chart's style, scale and marks"],
  ["Alt+L Alt+P", "logarithmic scale, percent"],
  ["Alt+K", "compare with another symbol"],
  ["Alt+G", "go to a date"],
  ["Alt+Y", "all about the symbol"],
  ["Alt+Q", "replay the bars from the middle of the view on; Esc ends it"],
  ["Alt+W", "data window"],
  ["Alt+T H J B N M O", "draw a line, level, ray, rectangle, Fibonacci levels, measure, text; Enter places it"],
  ["Ctrl+Z", "undo a drawing, with Shift do it again; Del deletes, arrows move the selected one"],
  ["Alt+A", "an alert at a price; or right click at the price, and drag its line"],
  ["Alt+S", "save a picture"],
  ["Alt+X", "full screen"],
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
