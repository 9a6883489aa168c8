// What the catalogue says of a spec such as macd_12_26_9: its indicator, numbers, columns and where they are drawn.

export class Catalogue {
  constructor(answer) {
    this.all = answer.indicators;
    this._byName = new Map(this.all.map((one) => [one.name, one]));
    this._read = new Map();
  }

  // null for a spec that the catalogue does not know (any more).
  read(spec) {
    if (!this._read.has(spec)) this._read.set(spec, this._parse(spec));
    return this._read.get(spec);
  }

  _parse(spec) {
    const words = spec.split("_");
    let first = words.findIndex((word) => /^\d+(\.\d+)?$/.test(word));
    if (first < 0) first = words.length;
    const indicator = this._byName.get(words.slice(0, first).join("_"));
    const numbers = words.slice(first).map(Number);
    if (!indicator || numbers.length !== indicator.parameters.length) return null;
    const overPrice = indicator.pane === "overlay";
    const columns = indicator.outputs.map((output) => {
      const suffix = output.slice(indicator.spec.length);
      // outputs of an overlay that are no prices are told in the legend, not drawn
      return { name: spec + suffix, suffix, style: styleOf(indicator, suffix), drawn: !indicator.off_price.includes(output) };
    });
    return { spec, indicator, numbers, overPrice, columns };
  }
}

// The spec with these numbers, spelt as the server spells it.
export function specOf(indicator, numbers) {
  return [indicator.name, ...numbers.map(String)].join("_");
}

// SMA 20, MACD 12 26 9
export function labelOf(spec) {
  return spec.replaceAll("_", " ").toUpperCase();
}

const DOTS = new Set(["sar"]);

function styleOf(indicator, suffix) {
  if (suffix === "_hist" || indicator.group === "pattern") return "histogram";
  if (DOTS.has(indicator.name)) return "dots";
  if (["_signal", "_d", "_middle", "_down"].includes(suffix)) return "dashed";
  return "line";
}

// Levels that traders look at, as lines across the pane.
export const GUIDES = {
  rsi: [30, 70], stoch: [20, 80], stochrsi: [20, 80], willr: [-80, -20], mfi: [20, 80], cci: [-100, 100], ultosc: [30, 70],
  cmo: [-50, 50], adx: [25], aroon: [30, 70], macd: [0], ppo: [0], roc: [0], mom: [0], trix: [0], bop: [0], aroonosc: [0],
};
