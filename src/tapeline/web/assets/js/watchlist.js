// The watch-list: every symbol with its last price, change, spark line, state, call and age.
import { ApiError, del, mayChange, part, post } from "./api.js";
import { attribute, confirmed, h, text } from "./dom.js";
import { remember, remembered } from "./prefs.js";
import { QuoteRow } from "./quoterow.js";

const AGE_MS = 1000;
const hovers = matchMedia("(hover: hover)"); // what a finger touched last counts as hovered until the next touch
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
    this._replaying = true; // until it is known: nothing is called late by mistake
    this._rows = new Map();
    this._pick = pick;
    this._tell = tell;
    this._known = false;
    this._late = false; // whether the rows are to be put in order as soon as they are not used
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

  // The quotes of all symbols; those that are not among them are gone. What is known of one has come with the stream of
  // events, which begins with all of them: it may be newer than this answer and stays. `collected` are the symbols that are collected,
  // some of which may have no bars yet; null where that list cannot be changed.
  replace(quotes, collected) {
    this._known = true;
    this._collected = collected ?? null;
    const kept = new Set(quotes.map((quote) => quote.symbol));
    for (const symbol of this.quotes.keys()) if (!kept.has(symbol)) this._forget(symbol);
    this.update(quotes.filter((quote) => !this.quotes.has(quote.symbol)));
    this._arrange();
    this.allow();
  }

  // Changed quotes.
  update(quotes) {
    const key = SORTS[this._sort.by].of;
    let [arrange, come] = [this._late, false];
    const earlier = quotes.map((quote) => this.quotes.get(quote.symbol));
    for (const quote of quotes) this.quotes.set(quote.symbol, quote);
    const now = this._now();
    quotes.forEach((quote, i) => {
      come ||= !earlier[i];
      arrange ||= come || key(earlier[i]) !== key(quote);
      this._row(quote.symbol).draw(quote, earlier[i], now);
    });
    this._late = arrange && !come && this._used();
    if (arrange && !this._late) this._arrange();
  }

  // Whether somebody is about to take a row: none moves away from under the mouse, or takes the keyboard's focus along.
  _used() {
    return (hovers.matches && this._list.matches(":hover")) || this._list.querySelector(":focus-visible") !== null;
  }

  select(symbol) {
    this.chosen = symbol;
    for (const [one, row] of this._rows) row.choose(one === symbol);
    this._rows.get(symbol)?.item.scrollIntoView({ block: "nearest" });
  }

  // The symbol that many rows from the chosen one, among those shown.
  move(by) {
    const shown = [...this._list.children].map((item) => item.dataset.symbol);
    if (!shown.length) return;
    const at = shown.indexOf(this.chosen);
    this._pick(shown[at < 0 ? 0 : Math.min(Math.max(at + by, 0), shown.length - 1)]);
  }

  setReplaying(on) {
    if (this._replaying === on) return;
    this._replaying = on;
    this._ages();
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
    if (!this._replaying) return Date.now();
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
    const items = [...shown, ...waiting].map((symbol) => this._row(symbol).item);
    for (const symbol of waiting) this._row(symbol).wait();
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

  _ages() {
    const now = this._now();
    for (const [symbol, row] of this._rows) if (this.quotes.has(symbol)) row.age(this.quotes.get(symbol), now);
  }

  _row(symbol) {
    if (!this._rows.has(symbol)) {
      const row = new QuoteRow(symbol, { pick: () => this._pick(symbol), remove: () => this._remove(symbol) });
      row.choose(symbol === this.chosen);
      this._rows.set(symbol, row);
    }
    return this._rows.get(symbol);
  }

  _forget(symbol) {
    this.quotes.delete(symbol);
    this._rows.get(symbol)?.item.remove();
    this._rows.delete(symbol);
  }

  // Enter shows the first that is found, Escape gives up.
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
