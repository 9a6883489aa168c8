// The data window: every value of the bar under the crosshair, one a line.
import { fill, h } from "../dom.js";
import { compact, percent, price, signedPercent } from "../format.js";
import { NAMES, OUTCOMES } from "./calls.js";
import { labelOf } from "./catalogue.js";
import { look } from "./look.js";

const PHASES = ["regular hours", "pre-market", "after hours"];

export class DataWindow {
  constructor(root) {
    this._root = root;
  }

  // Shows the values of the bar with index i, where the window is open.
  show(drawing, i) {
    this._root.hidden = !look.values;
    if (look.values) fill(this._root, h("dl", {}, valuesOf(drawing, i).map(([name, value]) => [h("dt", {}, name), h("dd", {}, value)])));
  }
}

// The names and values of a bar as text.
function valuesOf({ bars, studies }, i) {
  const { o, h: high, l, c, v, f, s, p, y, x } = bars.columns;
  const show = (value) => price(value, bars.decimals);
  const lines = [
    ["Time", bars.clock.full(bars.t[i])], ["Open", show(o[i])], ["High", show(high[i])], ["Low", show(l[i])], ["Close", show(c[i])],
    ["Change", i ? signedPercent(c[i] / c[i - 1] - 1) : "–"], ["Volume", compact(v[i])], ["State", f[i] ? "final" : "forming"],
  ];
  if (x) lines.push(["Hours", PHASES[x[i]] ?? "–"]);
  if (s?.[i]) lines.push(["P(UP)", percent(p[i])], ["Call", NAMES[s[i]]], ["Outcome", OUTCOMES[y[i]] || "–"]);
  for (const study of studies) {
    for (const column of study.columns) lines.push([study.label + labelOf(column.suffix), column.show(bars.column(column.name)?.[i])]);
  }
  return lines;
}
