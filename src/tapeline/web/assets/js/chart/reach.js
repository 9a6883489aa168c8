// How far the fan reached at last, by interval: the chart leaves that room before the fan is here, and nothing moves then.
import { remember, remembered } from "../prefs.js";

// Bars after the newest closed one, from which the fan begins.
const forming = ({ length, columns }) => length - 1 - columns.f.lastIndexOf(1);

// The places after the newest bar that a fan will probably take.
export function expectedReach(bars) {
  const steps = remembered("reach", null)?.[bars.interval];
  return Number.isInteger(steps) ? Math.max(0, steps - forming(bars)) : 0;
}

// Takes the places that it takes in fact, 0 where there is no fan.
export function keepReach(bars, reach) {
  const kept = remembered("reach", null);
  const steps = reach && reach + forming(bars);
  if (kept?.[bars.interval] !== steps) remember("reach", { ...kept, [bars.interval]: steps });
}
