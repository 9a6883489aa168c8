// Dark or light, and the pair of colours for up and down. Loaded first, so that the page never shows in the wrong one.
import { remember, remembered } from "./prefs.js";

const root = document.documentElement;
const system = matchMedia("(prefers-color-scheme: dark)");
const watchers = new Set();

export const MODES = { system: "Same as the system", dark: "Dark", light: "Light" };
export const PAIRS = { green: "Green and red", blue: "Blue and orange (easier to tell apart when colour-blind)" };

const oneOf = (labels, value, otherwise) => (value in labels ? value : otherwise);

export const chosen = {
  mode: oneOf(MODES, remembered("mode", null), "system"),
  pair: oneOf(PAIRS, remembered("pair", null), "green"),
};

export function choose(change) {
  Object.assign(chosen, change);
  remember("mode", chosen.mode);
  remember("pair", chosen.pair);
  apply();
}

// Calls back whenever the colours changed.
export function watchTheme(callback) {
  watchers.add(callback);
}

function apply() {
  const dark = chosen.mode === "dark" || (chosen.mode === "system" && system.matches);
  root.dataset.theme = dark ? "dark" : "light";
  root.dataset.pair = chosen.pair;
  for (const callback of watchers) callback();
}

// The colours for the canvas, from the same CSS variables as everything else.
export function palette() {
  const style = getComputedStyle(root);
  const read = (name) => style.getPropertyValue(`--${name}`).trim();
  const names = ["up", "down", "up-soft", "down-soft", "right", "wrong", "soft", "line", "grid", "panel", "raised", "ink", "accent", "warn"];
  return {
    ...Object.fromEntries(names.map((name) => [name.replace(/-(.)/, (_, letter) => letter.toUpperCase()), read(name)])),
    lines: [1, 2, 3, 4, 5, 6, 7, 8].map((number) => read(`series-${number}`)),
    font: getComputedStyle(document.body).fontFamily,
  };
}

system.addEventListener("change", apply);
apply();
