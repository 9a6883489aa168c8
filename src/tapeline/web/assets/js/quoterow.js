// One line of the watch-list.
import { attribute, fill, h, svg, text } from "./dom.js";
import { barsLength, clockOf, money, percent, signedPercent, trend } from "./format.js";
import { PHASES, freshness } from "./market.js";
import { columnLabel } from "./watch/columns.js";

const FLASH_MS = 700;
const WIDE = 8; // a column whose name has more characters takes the room of two
const still = matchMedia("(prefers-reduced-motion: reduce)");

// The CSS class of a call.
export const callStyle = (signal) => ({ UP: "up", DOWN: "down" })[signal] ?? "flat";

// Whether a model that has passed its gate says where the price goes; HOLD says nothing.
export const isCall = (signal) => signal === "UP" || signal === "DOWN";

const MOVE_BARS = 5; // how far the move of a quote looks ahead

// How long that takes, such as 5 min: whatever candles are shown, it is about the bars that are stored.
export const moveTime = ({ interval }) => barsLength(MOVE_BARS, interval);

export const moveTitle = (quote) => `how far the price is expected to go in the next ${moveTime(quote)}, up or down (one sigma)`;

// How far the price is expected to go, such as ±0.31%; nothing where that is not said.
export const moveText = ({ move }) => (move ? `±${percent(move, move < 0.1 ? 2 : 1)}` : "");

// What the change of a quote counts from.
export const changeTitle = ({ first }) => (first ? "since this session's first open" : "since the previous session's close");

export class QuoteRow {
  // `move(by)` moves the row within a list of one's own.
  constructor(symbol, { pick, remove, move }) {
    this._line = svg("polyline", { points: "" });
    this._spark = svg("svg", { viewBox: "0 0 60 22", preserveAspectRatio: "none", "aria-hidden": "true" }, this._line);
    this._parts = { last: h("span", { class: "last" }), change: h("span"), state: h("span"), call: h("span"), age: h("span", { class: "age" }) };
    const { last, change, state, call, age } = this._parts;
    this._symbol = symbol;
    this._name = null; // what is known of the company
    this._quote = null;
    this._label = h("b", { title: symbol }, symbol);
    this._extra = h("span", { class: "extra", hidden: true });
    this._values = []; // of the columns below
    this._button = h("button", {
      type: "button", class: "row", onclick: pick,
      onkeydown: (event) => {
        if (!event.altKey || !["ArrowUp", "ArrowDown"].includes(event.key)) return;
        event.preventDefault();
        move(event.key === "ArrowUp" ? -1 : 1);
        this._button.focus();
      },
    }, this._label, this._spark, last, change, state, call, age, this._extra);
    this._remove = h("button", { type: "button", class: "remove icon", onclick: remove }, "×");
    this.item = h("li", { role: "listitem", "data-symbol": symbol, onpointerenter: () => this._dated(), ondragstart: (event) => event.dataTransfer.setData("text/plain", symbol) }, this._button, this._remove);
    this.endable(false, false);
  }

  // Shows a quote. `before` is the one shown until now, undefined for the first; `now` is as in `freshness`.
  draw(quote, before, now) {
    const { last, change, state, call } = this._parts;
    const phase = quote.market?.phase;
    text(last, money(quote.price, quote.decimals, quote.currency));
    text(change, signedPercent(quote.change));
    attribute(change, "class", `change ${trend(quote.change)}`);
    attribute(change, "title", changeTitle(quote));
    text(state, this._name?.name || (PHASES[phase] ?? ""));
    attribute(state, "class", `state ${phase ?? ""}`);
    attribute(state, "title", PHASES[phase]);
    const called = isCall(quote.signal);
    text(call, called ? `${quote.signal} ${percent(quote.probability, 0)}` : moveText(quote));
    attribute(call, "class", `call ${callStyle(quote.signal)}`);
    attribute(call, "title", called ? `the model's call and its probability of UP; model ${quote.model}` : quote.move ? moveTitle(quote) : null);
    attribute(this._spark, "class", `spark ${trend(quote.change)}`);
    if (before?.spark.join() !== quote.spark.join()) attribute(this._line, "points", points(quote.spark));
    this.age(quote, now);
    if (before && before.price !== quote.price && !still.matches && onScreen(last)) {
      last.animate({ backgroundColor: [`var(--${quote.price > before.price ? "up" : "down"}-soft)`, "transparent"] }, FLASH_MS);
    }
  }

  age(quote, now) {
    const { age } = this._parts;
    const fresh = freshness(quote, now);
    text(age, fresh.age);
    attribute(age, "class", fresh.stale ? "age stale" : "age");
    this._quote = quote;
  }

  // Says when the last bar opened. Only once somebody points at the row: to write five hundred dates takes 80 ms.
  _dated() {
    if (!this._quote) return;
    const { market, daily, timestamp } = this._quote;
    const clock = clockOf(market?.zone ?? "UTC", daily);
    attribute(this._parts.age, "title", `last bar ${clock.full(timestamp)}${daily ? "" : `, ${clock.utc(timestamp)}`}`);
  }

  // Says that the symbol is collected but has no bars yet, and why, where that is known.
  wait(problem) {
    text(this._parts.state, problem ?? "no bars yet");
    attribute(this._parts.state, "title", problem);
    attribute(this._parts.state, "class", problem ? "state problem" : "state");
  }

  // Says what the button at the right does: take the row out of a list of one's own, end the symbol's collection, or hide the
  // row in this browser. Rows of a list of one's own can be dragged.
  endable(ends, listed) {
    const does = listed ? "Take out" : ends ? "Stop collecting" : "Hide";
    attribute(this._remove, "aria-label", `${does} ${this._symbol}`);
    attribute(this._remove, "title", listed ? "Take out of this list" : ends ? "Stop collecting" : "Hide from this list");
    attribute(this.item, "draggable", listed ? "true" : null);
  }

  // Takes what is known of the company: { name, exchange }; undefined: nothing.
  name(known) {
    this._name = known ?? null;
    attribute(this._label, "title", [this._symbol, known?.name, known?.exchange].filter(Boolean).join(" · "));
    if (known?.name) text(this._parts.state, known.name);
  }

  // Shows these values below, by name; without any, nothing.
  columns(names, values) {
    this._extra.hidden = names.length === 0;
    if (this._extra.dataset.names !== names.join()) {
      this._extra.dataset.names = names.join();
      this._values = names.map(() => h("strong", {}));
      fill(this._extra, names.map((name, k) => [h("span", { class: columnLabel(name).length > WIDE ? "wide" : null, title: name }, h("span", {}, columnLabel(name)), " ", this._values[k]), " "]));
    }
    this._values.forEach((value, k) => text(value, values[k] ?? "–"));
  }

  choose(on) {
    attribute(this._button, "aria-current", on ? "true" : null);
  }
}

// Most rows of a long list are out of sight, where animating them would cost and show nothing.
const onScreen = (element) => !document.hidden && element.checkVisibility?.({ contentVisibilityAuto: true }) !== false;

function points(spark) {
  const step = spark.length > 1 ? 60 / (spark.length - 1) : 0;
  return spark.map((height, i) => `${(i * step).toFixed(1)},${(21 - height * 0.2).toFixed(1)}`).join(" ");
}
