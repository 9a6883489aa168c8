// What the server says of indicators: the list to choose from, and the indicator and columns of a spec such as rsi_14.

export class Catalogue {
  // Takes the answer of GET /indicators.
  constructor({ indicators }) {
    this.indicators = indicators;
    this._byName = new Map(indicators.map((indicator) => [indicator.name, indicator]));
    this._studies = new Map();
  }

  // Remembers the `outputs` of an answer with bars: the server alone reads specs and column names.
  learn(outputs) {
    const learned = new Map();
    for (const [name, { spec, indicator: family, parameters, suffix }] of Object.entries(outputs)) {
      const indicator = this._byName.get(family);
      const marks = indicator.group === "pattern"; // marks on the bars in place of lines
      if (!learned.has(spec)) learned.set(spec, { spec, indicator, numbers: parameters, label: marks ? indicator.title : labelOf(spec), overPrice: marks || indicator.pane === "overlay", marks, columns: [] });
      // outputs of an overlay that are not prices are read in the legend, not drawn
      const drawn = !marks && !indicator.off_price.includes(indicator.spec + suffix);
      learned.get(spec).columns.push({ name, suffix, style: styleOf(indicator, suffix), drawn });
    }
    for (const [spec, study] of learned) this._studies.set(spec, study);
  }

  // { spec, indicator, numbers, label, overPrice, marks, columns }; null for a spec that came with no bars yet.
  read(spec) {
    return this._studies.get(spec) ?? null;
  }
}

// The spec that asks the server for an indicator with these numbers.
export function specOf(indicator, numbers) {
  return [indicator.name, ...numbers].join("_");
}

// SMA 20, MACD 12 26 9
export function labelOf(spec) {
  return spec.replaceAll("_", " ").toUpperCase();
}

const DASHED = new Set(["_signal", "_d", "_middle", "_down"]);

function styleOf({ name }, suffix) {
  if (suffix === "_hist") return "histogram";
  if (name === "sar") return "dots";
  return DASHED.has(suffix) ? "dashed" : "line";
}

// Levels that traders look at, as lines across the pane.
export const GUIDES = {
  rsi: [30, 70], stoch: [20, 80], stochrsi: [20, 80], willr: [-80, -20], mfi: [20, 80], cci: [-100, 100], ultosc: [30, 70],
  cmo: [-50, 50], adx: [25], aroon: [30, 70], macd: [0], ppo: [0], roc: [0], mom: [0], trix: [0], bop: [0], aroonosc: [0],
};
