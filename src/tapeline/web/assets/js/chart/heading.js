// The line above the chart: symbol, last price, change, call, state of the market, and the intervals to choose from.
import { attribute, fill, h, text } from "../dom.js";
import { clockOf, money, percent, share, signed, trend } from "../format.js";
import { marketText, nextChange } from "../market.js";

const COMMON = ["1m", "5m", "15m", "1h", "1d"]; // until it is known which a symbol's bars allow

export class Heading {
  // `find(name)` gives the elements, `choose(interval)` is called when one is chosen.
  constructor(find, choose) {
    this._parts = Object.fromEntries(["symbol", "price", "change", "market", "signal", "intervals"].map((name) => [name, find(name)]));
    this._choose = choose;
    this.offer(COMMON, null);
  }

  // Another symbol: nothing is known of it yet.
  begin(symbol) {
    text(this._parts.symbol, symbol ?? "–");
    for (const name of ["price", "change", "signal", "market"]) text(this._parts[name], "");
  }

  quote(quote) {
    const { price, change, market, signal } = this._parts;
    text(price, money(quote.price, quote.decimals, quote.currency));
    if (quote.change === null) text(change, "");
    else {
      text(change, `${signed(quote.price - quote.reference, quote.decimals)} (${percent(quote.change)})`);
      attribute(change, "class", trend(quote.change));
      attribute(change, "title", quote.first ? "since the open of this session's first bar" : "since the close of the session before");
    }
    const state = quote.market;
    text(market, state ? marketText(state) : "");
    attribute(market, "class", `market ${state?.phase ?? ""}`);
    attribute(market, "title", state ? clockOf(state.zone).utc(nextChange(state)) : null);
    text(signal, quote.signal ? `${quote.signal} · P(UP) ${share(quote.probability)}` : "");
    attribute(signal, "class", `badge ${{ UP: "up", DOWN: "down" }[quote.signal] ?? "flat"}`);
    attribute(signal, "title", quote.model ? `model ${quote.model}` : null);
  }

  // Puts buttons for these intervals.
  offer(intervals, shown) {
    if (this.intervals?.join() !== intervals.join()) {
      this.intervals = intervals;
      fill(this._parts.intervals, intervals.map((one) =>
        h("button", { type: "button", "data-interval": one, onclick: () => this._choose(one) }, one)));
    }
    this.press(shown);
  }

  press(shown) {
    for (const button of this._parts.intervals.children) attribute(button, "aria-pressed", String(button.dataset.interval === shown));
  }
}
