// The indicators that this browser shows: specs in the order they were added, each with a colour for as long as it stays.
import { remember, remembered } from "../prefs.js";

const DEFAULT = [
  { spec: "sma_20", color: 0 },
  { spec: "sma_50", color: 1 },
  { spec: "rsi_14", color: 2 },
];
const COLORS = 8;
const MOST = 24;

export let chosen = usable(remembered("indicators", DEFAULT));
export let predictions = remembered("predictions", true) === true;

// What was remembered may come from another version of the page.
function usable(list) {
  if (!Array.isArray(list)) return DEFAULT;
  return list.filter((entry) => typeof entry?.spec === "string" && Number.isInteger(entry.color)).slice(0, MOST);
}

export function shownIndicators() {
  return chosen.map((entry) => entry.spec);
}

// Adds a spec, or puts it in the place of another. One that is shown already keeps its place and colour.
export function put(spec, instead = null) {
  if (chosen.some((entry) => entry.spec === spec)) {
    if (instead && instead !== spec) drop(instead);
    return;
  }
  const old = chosen.find((entry) => entry.spec === instead);
  const used = new Set(chosen.map((entry) => entry.color));
  const free = [...Array(COLORS).keys()].find((color) => !used.has(color)) ?? chosen.length % COLORS;
  const added = { spec, color: old?.color ?? free };
  save(old ? chosen.map((entry) => (entry === old ? added : entry)) : [...chosen, added]);
}

export function drop(...specs) {
  save(chosen.filter((entry) => !specs.includes(entry.spec)));
}

function save(list) {
  chosen = list;
  remember("indicators", chosen);
}

export function showPredictions(on) {
  predictions = on;
  remember("predictions", on);
}
