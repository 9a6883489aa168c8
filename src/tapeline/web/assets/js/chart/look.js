// How this browser's chart looks: the style of the candles, the scale of prices, and what is drawn beside them.
import { remember, remembered } from "../prefs.js";

export const STYLES = { candles: "Candles", hollow: "Hollow candles", bars: "Bars", line: "Line", area: "Area", heikin: "Heikin-Ashi" };
export const SCALES = { normal: "Normal", log: "Logarithmic", percent: "Percent" };

const kept = remembered("look", {});

// `priceOnly`: overlays and fan take no room on the scale; `sessions`: breaks and extended hours are marked; `values`: the
// data window is open.
export const look = {
  style: kept?.style in STYLES ? kept.style : "candles",
  scale: kept?.scale in SCALES ? kept.scale : "normal",
  priceOnly: kept?.priceOnly === true,
  sessions: kept?.sessions !== false,
  values: kept?.values === true,
};

const watchers = new Set();

export function change(changes) {
  Object.assign(look, changes);
  remember("look", look);
  for (const callback of watchers) callback(changes);
}

// Calls back with what changed.
export function watchLook(callback) {
  watchers.add(callback);
}
