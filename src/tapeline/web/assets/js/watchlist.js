// The watch-list: every symbol with its last price, change, spark line, market, call and age.
import { del, mayChange, outcome, part, post } from "./api.js";
import { attribute, confirmed, h, text } from "./dom.js";
import { remember, remembered } from "./prefs.js";
import { QuoteRow } from "./quoterow.js";
import { SORTS, sorted } from "./watchorder.js";

const AGE_MS = 1000;
const hovers = matchMedia("(hover: hover)"); // what a finger touched last counts as hovered until the next touch

export class Watchlist {
  // `pick(symbol)` is called when a symbol is chosen, `tell(text, kind)` with what worked or went wrong.
  constructor(root, { pick, tell }) {
    this.quotes = new Map();
    this.chosen = null;
    this._replaying = true; // until it is known, so that no quote is shown as late by mistake
    this._rows = new Map();
    this._pick = pick;
    this._tell = tell;
    this._known = false;
    this._late = false; // whether the rows wait to be sorted until nobody points at them
    this._collected = null;
    this._problems = {};
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
    this._sort = remembered("sort", null);
    if (!(this._sort?.by in SORTS)) this._sort = { by: "symbol", way: 1 };
    this._headings = Object.entries(SORTS).map(([by, { label }]) =>
      h("button", { type: "button", "data-by": by, onclick: () => this._sortBy(by) }, h("span", {}, label)));
    find("sorts").append(...this._headings);
    this._showSort();
    setInterval(() => document.hidden || this._ages(), AGE_MS);
  }

  // Takes the quotes of all symbols; symbols without one are gone. A quote that is here already came with the stream of
  // events, may be newer, and stays. `collected` are the symbols that are collected, some of which may have no bars yet;
  // null where that list cannot be changed.
  replace(quotes, collected) {
    this._known = true;
    this._collected = collected;
    const kept = new Set(quotes.map((quote) => quote.symbol));
    for (const symbol of this.quotes.keys()) if (!kept.has(symbol)) this._forget(symbol);
    this.update(quotes.filter((quote) => !this.quotes.has(quote.symbol)));
    this._arrange();
    this.allow();
  }

  // Takes changed quotes.
  update(quotes) {
    const { key } = SORTS[this._sort.by];
    let [arrange, added] = [this._late, false];
    const earlier = quotes.map((quote) => this.quotes.get(quote.symbol));
    for (const quote of quotes) this.quotes.set(quote.symbol, quote);
    const now = this._now();
    quotes.forEach((quote, i) => {
      added ||= !earlier[i];
      arrange ||= added || key(earlier[i]) !== key(quote);
      this._row(quote.symbol).draw(quote, earlier[i], now);
    });
    this._late = arrange && !added && this._used();
    if (arrange && !this._late) this._arrange();
  }

  // Whether somebody is about to take a row: none moves away from under the mouse or with the keyboard's focus.
  _used() {
    return (hovers.matches && this._list.matches(":hover")) || this._list.querySelector(":focus-visible") !== null;
  }

  select(symbol) {
    this.chosen = symbol;
    for (const [other, row] of this._rows) row.choose(other === symbol);
    this._rows.get(symbol)?.item.scrollIntoView({ block: "nearest" });
  }

  // Picks the symbol `by` rows below the chosen one, among those shown.
  move(by) {
    const shown = [...this._list.children].map((item) => item.dataset.symbol);
    if (!shown.length) return;
    const index = shown.indexOf(this.chosen);
    this._pick(shown[index < 0 ? 0 : Math.min(Math.max(index + by, 0), shown.length - 1)]);
  }

  // Takes why symbols bring no bars, by symbol.
  setProblems(problems) {
    this._problems = problems;
    for (const [symbol, row] of this._rows) if (!this.quotes.has(symbol)) row.wait(problems[symbol]);
  }

  setReplaying(on) {
    if (this._replaying === on) return;
    this._replaying = on;
    this._ages();
  }

  // Gives the search the keyboard, with what was typed already.
  search(typed) {
    this._filter.focus();
    if (typed) this._filter.value = typed;
    else this._filter.select();
    this._arrange();
  }

  get first() {
    return this._shown()[0] ?? null;
  }

  fail(message) {
    if (!this._known) text(this._none, message);
  }

  // Ages count against now, in a replay against the newest bar of all.
  _now() {
    if (!this._replaying) return Date.now();
    let newest = 0;
    for (const { timestamp } of this.quotes.values()) newest = Math.max(newest, timestamp);
    return newest;
  }

  // Whether the search finds a symbol that is not hidden.
  _found(symbol) {
    return symbol.toUpperCase().includes(this._filter.value.trim().toUpperCase()) && !this._hidden.has(symbol);
  }

  _shown() {
    const found = [...this.quotes.values()].filter(({ symbol }) => this._found(symbol));
    return sorted(found, this._sort).map((quote) => quote.symbol);
  }

  _arrange() {
    const waiting = (this._collected ?? []).filter((symbol) => !this.quotes.has(symbol) && this._found(symbol));
    const items = [...this._shown(), ...waiting].map((symbol) => this._row(symbol).item);
    for (const [symbol, row] of this._rows) row.endable(this._ends(symbol));
    for (const symbol of waiting) this._row(symbol).wait(this._problems[symbol]);
    const now = this._list.children;
    if (items.length !== now.length || items.some((item, i) => item !== now[i])) this._list.replaceChildren(...items);
    this._unhide.hidden = this._hidden.size === 0;
    text(this._unhide, `Show ${this._hidden.size} hidden`);
    this._none.hidden = items.length > 0 || !this._known;
    if (this._known) text(this._none, this.quotes.size ? "No symbol matches the search." : "No symbols yet. Add one below.");
  }

  _sortBy(by) {
    this._sort = { by, way: this._sort.by === by ? -this._sort.way : SORTS[by].first };
    remember("sort", this._sort);
    this._showSort();
    this._arrange();
  }

  _showSort() {
    const { by, way } = this._sort;
    for (const heading of this._headings) {
      const pressed = heading.dataset.by === by;
      attribute(heading, "aria-pressed", String(pressed));
      attribute(heading, "data-way", pressed ? (way > 0 ? "up" : "down") : null);
      attribute(heading, "title", `Sort by ${SORTS[heading.dataset.by].label.toLowerCase()}${pressed ? ", in reverse" : ""}`);
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

  // Enter picks the first match, Escape clears the search.
  _filterKey(event) {
    const picked = event.key === "Enter" ? this.first : null;
    if (event.key !== "Escape" && picked === null) return;
    if (picked !== null) this._pick(picked);
    this._filter.value = "";
    this._filter.blur();
    this._arrange();
  }

  async _add(event) {
    event.preventDefault();
    const input = this._form.elements.symbol;
    const symbol = input.value.trim().toUpperCase();
    if (!symbol) return;
    const { value, error } = await outcome(post("/symbols", { symbol }));
    if (error) {
      this._tell(`${symbol} was not added: ${error.message}`, "bad");
      return;
    }
    this._collected = value.collected;
    input.value = "";
    this._hidden.delete(symbol);
    remember("hidden", [...this._hidden]);
    this._tell(`${symbol} is now collected.`);
    this._arrange();
  }

  async _remove(symbol) {
    if (this._ends(symbol)) {
      if (!await confirmed(`Stop collecting ${symbol}?`, "It leaves the list. Stored bars are kept.", "Stop collecting")) return;
      const { value, error } = await outcome(del(`/symbols/${part(symbol)}`));
      if (error) {
        this._tell(`${symbol} is still collected: ${error.message}`, "bad");
        return;
      }
      this._collected = value.collected;
    }
    if (this.quotes.has(symbol)) this._hide(symbol);
    else this._forget(symbol);
    this._arrange();
    if (symbol === this.chosen && this.first) this._pick(this.first);
  }

  // Whether the button of this symbol's row ends its collection; otherwise it hides the row.
  _ends(symbol) {
    return Boolean(this._collected?.includes(symbol)) && mayChange();
  }

  // Takes a symbol out of this browser's list; null shows all of them again.
  _hide(symbol) {
    if (symbol === null) this._hidden.clear();
    else this._hidden.add(symbol);
    remember("hidden", [...this._hidden]);
    this._arrange();
  }

  // Shows adding and removing to those who may.
  allow() {
    this._root.classList.toggle("read-only", !mayChange() || this._collected === null);
    for (const [symbol, row] of this._rows) row.endable(this._ends(symbol));
  }
}
