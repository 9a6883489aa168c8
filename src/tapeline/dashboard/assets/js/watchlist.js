// The watch-list: every symbol with its last price, change, spark line, state, call and age.
import { ApiError, del, mayChange, part, post } from "./api.js";
import { attribute, confirmed, h, svg, text } from "./dom.js";
import { clockOf, money, percent, share, trend } from "./format.js";
import { freshness, PHASES } from "./market.js";
import { remember, remembered } from "./prefs.js";

const AGE_MS = 1000;
const SORTS = {
  symbol: { says: "Symbol", of: (quote) => quote.symbol, first: 1 },
  change: { says: "Change", of: (quote) => quote.change, first: -1 },
  signal: { says: "P(UP)", of: (quote) => quote.probability, first: -1 },
  age: { says: "Newest", of: (quote) => quote.timestamp, first: -1 },
};

export class Watchlist {
  // `pick(symbol)` is called when one is chosen, `tell(text)` with what went wrong.
  constructor(root, { pick, tell }) {
    this.quotes = new Map();
    this.chosen = null;
    this.replaying = false;
    this._rows = new Map();
    this._pick = pick;
    this._tell = tell;
    this._known = false;
    this._collected = null;
    this._hidden = new Set(remembered("hidden", [])); // removed from this browser's list
    const find = (name) => root.querySelector(`[data-part=${name}]`);
    this._root = root;
    this._list = find("rows");
    this._none = find("none");
    this._unhide = find("unhide");
    this._unhide.addEventListener("click", () => this._hide(null));
    this._filter = find("filter");
    this._filter.addEventListener("input", () => this._arrange());
    this._filter.addEventListener("keydown", (event) => this._filterKey(event));
    this._form = find("add");
    this._form.addEventListener("submit", (event) => this._add(event));
    this._sort = remembered("sort", { by: "symbol", way: 1 });
    if (!(this._sort?.by in SORTS)) this._sort = { by: "symbol", way: 1 };
    this._heads = Object.entries(SORTS).map(([by, { says }]) =>
      h("button", { type: "button", "data-by": by, onclick: () => this._sortBy(by) }, h("span", {}, says)));
    find("sorts").append(...this._heads);
    this._showSort();
    setInterval(() => document.hidden || this._ages(), AGE_MS);
  }

  // The quotes of all symbols; those that are not among them are gone. `collected` are the symbols that are collected,
  // some of which may have no bars yet; null where that list cannot be changed.
  replace(quotes, collected) {
    this._known = true;
    this._collected = collected ?? null;
    const kept = new Set(quotes.map((quote) => quote.symbol));
    for (const symbol of this.quotes.keys()) if (!kept.has(symbol)) this._forget(symbol);
    this.update(quotes);
    this._arrange();
    this.allow();
  }

  // Changed quotes.
  update(quotes) {
    let arrange = false;
    for (const quote of quotes) {
      const before = this.quotes.get(quote.symbol);
      this.quotes.set(quote.symbol, { ...before, ...quote });
      const key = SORTS[this._sort.by].of;
      arrange ||= !before || key(before) !== key(quote);
      this._draw(this.quotes.get(quote.symbol), before);
    }
    if (arrange) this._arrange();
  }

  select(symbol) {
    this.chosen = symbol;
    for (const [one, row] of this._rows) attribute(row.button, "aria-current", one === symbol ? "true" : null);
    this._rows.get(symbol)?.item.scrollIntoView({ block: "nearest" });
  }

  // The symbol that many rows from the chosen one, among those shown.
  move(by) {
    const shown = this._shown();
    if (!shown.length) return;
    const at = shown.indexOf(this.chosen);
    this._pick(shown[at < 0 ? 0 : Math.min(Math.max(at + by, 0), shown.length - 1)]);
  }

  focusFilter() {
    this._filter.focus();
    this._filter.select();
  }

  get first() {
    return this._shown()[0] ?? null;
  }

  fail(message) {
    if (!this._known) text(this._none, message);
  }

  // Times are told against now, in a replay against the newest bar of all.
  _now() {
    if (!this.replaying) return Date.now();
    let newest = 0;
    for (const { timestamp } of this.quotes.values()) newest = Math.max(newest, timestamp);
    return newest;
  }

  _shown() {
    const wanted = this._filter.value.trim().toUpperCase();
    const { of } = SORTS[this._sort.by];
    const found = [...this.quotes.values()].filter(({ symbol }) => symbol.toUpperCase().includes(wanted) && !this._hidden.has(symbol));
    const missing = (value) => value === null || value === undefined;
    found.sort((a, b) => {
      const [x, y] = [of(a), of(b)];
      if (missing(x) || missing(y)) return missing(x) - missing(y) || (a.symbol < b.symbol ? -1 : 1);
      return (x < y ? -1 : x > y ? 1 : 0) * this._sort.way || (a.symbol < b.symbol ? -1 : 1);
    });
    return found.map((quote) => quote.symbol);
  }

  _arrange() {
    const shown = this._shown();
    const wanted = this._filter.value.trim().toUpperCase();
    const waiting = (this._collected ?? []).filter((symbol) => !this.quotes.has(symbol) && symbol.includes(wanted) && !this._hidden.has(symbol));
    const items = [...shown, ...waiting].map((symbol) => (this._rows.get(symbol) ?? this._make(symbol)).item);
    for (const symbol of waiting) this._wait(this._rows.get(symbol));
    const now = this._list.children;
    if (items.length !== now.length || items.some((item, i) => item !== now[i])) this._list.replaceChildren(...items);
    this._unhide.hidden = this._hidden.size === 0;
    text(this._unhide, `Show ${this._hidden.size} hidden`);
    this._none.hidden = items.length > 0 || !this._known;
    if (this._known) text(this._none, this.quotes.size ? "No symbol has that in its name." : "No symbols yet. Add one below.");
  }

  _sortBy(by) {
    this._sort = { by, way: this._sort.by === by ? -this._sort.way : SORTS[by].first };
    remember("sort", this._sort);
    this._showSort();
    this._arrange();
  }

  _showSort() {
    for (const head of this._heads) {
      const { by, way } = this._sort;
      const mine = head.dataset.by === by;
      attribute(head, "aria-pressed", String(mine));
      attribute(head, "data-way", mine ? (way > 0 ? "up" : "down") : null);
      attribute(head, "title", `Sort by ${SORTS[head.dataset.by].says.toLowerCase()}${mine ? ", the other way round" : ""}`);
    }
  }

  _draw(quote, before) {
    const row = this._rows.get(quote.symbol) ?? this._make(quote.symbol);
    const changed = before && before.price !== quote.price;
    text(row.last, money(quote.price, quote.decimals, quote.currency));
    text(row.change, percent(quote.change));
    attribute(row.change, "class", `change ${trend(quote.change)}`);
    const state = quote.market?.phase;
    attribute(row.state, "class", `state ${state ?? ""}`);
    attribute(row.state, "title", PHASES[state] ?? null);
    text(row.state, PHASES[state] ?? "");
    text(row.call, quote.signal ? `${quote.signal} ${share(quote.probability, 0)}` : "");
    attribute(row.call, "class", `call ${{ UP: "up", DOWN: "down" }[quote.signal] ?? "flat"}`);
    attribute(row.call, "title", quote.signal ? `the model's call and its probability of UP; model ${quote.model}` : null);
    if (!before || before.spark?.join() !== quote.spark?.join()) {
      const step = quote.spark?.length > 1 ? 60 / (quote.spark.length - 1) : 0;
      attribute(row.line, "points", (quote.spark ?? []).map((y, i) => `${(i * step).toFixed(1)},${(21 - y * 0.2).toFixed(1)}`).join(" "));
    }
    attribute(row.spark, "class", `spark ${trend(quote.change)}`);
    this._age(quote, row);
    if (changed) {
      row.last.classList.remove("rose", "fell");
      void row.last.offsetWidth; // so that the flash begins anew
      row.last.classList.add(quote.price > before.price ? "rose" : "fell");
    }
  }

  // A symbol without bars.
  _wait(row) {
    text(row.state, "");
    text(row.change, "no bars yet");
    attribute(row.change, "class", "flat");
  }

  _age(quote, row) {
    const { says, stale } = freshness(quote, this._now());
    text(row.age, says);
    attribute(row.age, "class", stale ? "age stale" : "age");
    const clock = clockOf(quote.market?.zone ?? "UTC", quote.daily);
    attribute(row.age, "title", `last bar ${clock.full(quote.timestamp)}${quote.daily ? "" : `, ${clock.utc(quote.timestamp)}`}`);
  }

  _ages() {
    for (const [symbol, row] of this._rows) if (this.quotes.has(symbol)) this._age(this.quotes.get(symbol), row);
  }

  _make(symbol) {
    const line = svg("polyline", { points: "" });
    const row = {
      line,
      spark: svg("svg", { viewBox: "0 0 60 22", preserveAspectRatio: "none", "aria-hidden": "true" }, line),
      last: h("span", { class: "last" }), change: h("span"), state: h("span"), call: h("span"), age: h("span", { class: "age" }),
    };
    row.button = h("button", { type: "button", class: "row", onclick: () => this._pick(symbol) },
      h("b", {}, symbol), row.spark, row.last, row.change, row.state, row.call, row.age);
    row.remove = h("button", {
      type: "button", class: "remove icon", "aria-label": `Remove ${symbol}`, title: "Remove from the watch-list",
      onclick: () => this._remove(symbol),
    }, "×");
    row.item = h("li", {}, row.button, row.remove);
    attribute(row.button, "aria-current", symbol === this.chosen ? "true" : null);
    this._rows.set(symbol, row);
    return row;
  }

  _forget(symbol) {
    this.quotes.delete(symbol);
    this._rows.get(symbol)?.item.remove();
    this._rows.delete(symbol);
  }

  // Enter shows the first that is found; what no symbol has in its name is offered to be added.
  _filterKey(event) {
    if (event.key === "Enter" && this.first) {
      this._pick(this.first);
      this._filter.value = "";
      this._filter.blur();
      this._arrange();
    } else if (event.key === "Escape") {
      this._filter.value = "";
      this._filter.blur();
      this._arrange();
    }
  }

  async _add(event) {
    event.preventDefault();
    const input = this._form.elements.symbol;
    const symbol = input.value.trim().toUpperCase();
    if (!symbol) return;
    try {
      this._collected = (await post("/symbols", { symbol })).collected;
      input.value = "";
      this._hidden.delete(symbol);
      remember("hidden", [...this._hidden]);
      this._tell(`${symbol} is collected now.`);
      this._arrange();
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      this._tell(`${symbol} was not added: ${error.message}`, "bad");
    }
  }

  async _remove(symbol) {
    if (this._collected?.includes(symbol) && mayChange()) {
      if (!await confirmed(`Remove ${symbol}?`, "No more bars of it are collected. What is stored stays.", "Remove")) return;
      try {
        this._collected = (await del(`/symbols/${part(symbol)}`)).collected;
      } catch (error) {
        if (!(error instanceof ApiError)) throw error;
        this._tell(`${symbol} was not removed: ${error.message}`, "bad");
        return;
      }
    }
    this._hide(symbol);
    if (symbol === this.chosen && this.first) this._pick(this.first);
  }

  // Takes a symbol out of this browser's list; null: shows all again.
  _hide(symbol) {
    if (symbol === null) this._hidden.clear();
    else this._hidden.add(symbol);
    remember("hidden", [...this._hidden]);
    this._arrange();
  }

  // Adding and removing are for those who may.
  allow() {
    this._root.classList.toggle("read-only", !mayChange() || this._collected === null);
  }
}
