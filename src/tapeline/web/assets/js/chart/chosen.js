// The indicators that this browser shows: their specs, in the order they were added, each with a colour for life.
import { remember, remembered } from "../prefs.js";

const DEFAULT = [
  { spec: "sma_20", color: 0 },
  { spec: "sma_50", color: 1 },
  { spec: "rsi_14", color: 2 },
];
const COLORS = 8;
const SPEC = /^[a-z0-9]+(_[a-z0-9.]+)*$/;

export let chosen = cleaned(remembered("indicators", DEFAULT));
export let predictions = remembered("predictions", true) === true;

function cleaned(list) {
  if (!Array.isArray(list)) return DEFAULT;
  return list.filter((one) => SPEC.test(one?.spec) && Number.isInteger(one.color)).slice(0, 24);
}

export function shownIndicators() {
  return chosen.map((one) => one.spec);
}

// Adds a spec, or puts it in the place of another. One that is there already is left as it is.
export function put(spec, instead = null) {
  if (chosen.some((one) => one.spec === spec)) {
    if (instead && instead !== spec) drop(instead);
    return;
  }
  const old = chosen.find((one) => one.spec === instead);
  const used = new Set(chosen.map((one) => one.color));
  const free = [...Array(COLORS).keys()].find((color) => !used.has(color)) ?? chosen.length % COLORS;
  const added = { spec, color: old?.color ?? free };
  chosen = old ? chosen.map((one) => (one === old ? added : one)) : [...chosen, added];
  remember("indicators", chosen);
}

export function drop(spec) {
  chosen = chosen.filter((one) => one.spec !== spec);
  remember("indicators", chosen);
}

export function showPredictions(on) {
  predictions = on;
  remember("predictions", on);
}
