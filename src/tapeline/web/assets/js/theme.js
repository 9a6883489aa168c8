// Dark or light, and the pair of colours for up and down. Loaded first, so that the page never shows in the wrong one.
import { remember, remembered } from "./prefs.js";

const root = document.documentElement;
const system = matchMedia("(prefers-color-scheme: dark)");
const watchers = new Set();

export const MODES = { system: "As the system", dark: "Dark", light: "Light" };
export const PAIRS = { green: "Green and red", blue: "Blue and orange (for colour-blind eyes)" };

export const chosen = {
  mode: remembered("mode", "system") in MODES ? remembered("mode", "system") : "system",
  pair: remembered("pair", "green") in PAIRS ? remembered("pair", "green") : "green",
};

export function choose(change) {
  Object.assign(chosen, change);
  remember("mode", chosen.mode);
  remember("pair", chosen.pair);
  apply();
}

function isDark() {
  return chosen.mode === "dark" || (chosen.mode === "system" && system.matches);
}

// Calls back whenever colours changed.
export function watchTheme(callback) {
  watchers.add(callback);
}

function apply() {
  root.dataset.theme = isDark() ? "dark" : "light";
  root.dataset.pair = chosen.pair;
  for (const callback of watchers) callback();
}

// The colours for the canvas, from the same CSS variables as everything else.
export function palette() {
  const style = getComputedStyle(root);
  const read = (name) => style.getPropertyValue(`--${name}`).trim();
  const names = ["up", "down", "up-soft", "down-soft", "right", "wrong", "ink", "soft", "line", "grid", "panel", "raised", "accent"];
  return {
    ...Object.fromEntries(names.map((name) => [name.replace(/-(.)/, (_, c) => c.toUpperCase()), read(name)])),
    lines: [1, 2, 3, 4, 5, 6, 7, 8].map((i) => read(`series-${i}`)),
    font: getComputedStyle(document.body).fontFamily,
  };
}

system.addEventListener("change", apply);
apply();
