// The watch-list: every symbol with its last price, change, spark line, market, call and age; all of them or a list of one's own.
import { mayChange } from "./api.js";
import { attribute, h, text } from "./dom.js";
import { timeOf } from "./market.js";
import { remember, remembered } from "./prefs.js";
import { QuoteRow } from "./quoterow.js";
import { fillBlocks } from "./watch/blocks.js";
import { Columns } from "./watch/columns.js";
import { ListBox } from "./watch/listbox.js";
import { groupOf } from "./watch/lists.js";
import { SymbolSearch, collect, stopCollecting } from "./watch/search.js";
import { SortBar } from "./watch/sortbar.js";

const AGE_MS = 1000;
const FIXED = " None can be added here: symbols are added to what `tapeline run` collects.";
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
    this.edits = 0; // how often that list was changed here
    this.heard = new Set(); // the symbols of which quotes came since the connection to the server was last lost
    this._names = {}; // what is known of companies and exchanges, by symbol
    this._problems = {};
    this._hidden = new Set(remembered("hidden", [])); // removed from this browser's list
    const find = (name) => root.querySelector(`[data-part=${name}]`);
    this._root = root;
    this._list = find("rows");
    this._none = find("none");
    this._unhide = find("unhide");
    this._unhide.addEventListener("click", () => this._hide(null));
    this._search = new SymbolSearch(find("filter"), find("found"), {
      listed: () => this._shown(), changed: () => this._arrange(), pick,
      collect: () => (mayChange() && this._collected ? (symbol, known) => this._collect(symbol, known) : null),
    });
    this._form = find("add");
    this._form.addEventListener("submit", (event) => this._add(event));
    this._sort = new SortBar(find("sorts"), () => this._arrange());
    this._columns = new Columns((names, values) => this._rows.forEach((row, symbol) => row.columns(names, values.get(symbol) ?? [])),
      (message) => tell(message, "bad"), (symbol) => this.quotes.get(symbol)?.decimals);
    this._box = new ListBox(find("lists"), () => {
      this._columns.want(this._box.columns);
      this._arrange();
    });
    this._box.takeDrops(this._list);
    setInterval(() => document.hidden || this._ages(), AGE_MS);
  }

  // Takes the quotes of all symbols; symbols without one are gone, unless one was heard of since. A quote that is here already
  // came with the stream of events, may be newer, and stays. `collected` are the symbols that are collected, some of which may
  // have no bars yet; null where that list cannot be changed. `names` says what companies they are; `edits` how often the list
  // was changed when all this was asked for.
  replace(quotes, collected, names, edits = this.edits) {
    if (!this._known) this._box.load();
    this._known = true;
    if (edits === this.edits) this._collected = collected;
    Object.assign(this._names, names);
    const kept = new Set([...quotes.map((quote) => quote.symbol), ...this.heard]);
    for (const symbol of this.quotes.keys()) if (!kept.has(symbol)) this._forget(symbol);
    this.update(quotes.filter((quote) => !this.quotes.has(quote.symbol)));
    for (const [symbol, row] of this._rows) row.name(this._names[symbol]);
    this._arrange();
    this.allow();
  }

  // Takes changed quotes: of one that is known only what changed.
  update(changes) {
    let [arrange, added] = [this._late, false];
    const quotes = changes.filter(({ symbol, ...rest }) => this.quotes.has(symbol) || "decimals" in rest).map((change) => ({ ...this.quotes.get(change.symbol), ...change }));
    const earlier = quotes.map((quote) => this.quotes.get(quote.symbol));
    for (const quote of quotes) this.quotes.set(quote.symbol, quote) && this.heard.add(quote.symbol);
    const now = timeOf(this.quotes, this._replaying);
    quotes.forEach((quote, i) => {
      added ||= !earlier[i];
      arrange ||= added || this._sort.moves(earlier[i], quote);
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
    const shown = [...this._list.querySelectorAll("[data-symbol]")].map((item) => item.dataset.symbol);
    if (!shown.length) return;
    const index = shown.indexOf(this.chosen);
    this._pick(shown[index < 0 ? 0 : Math.min(Math.max(index + by, 0), shown.length - 1)]);
  }

  // Takes why symbols bring no bars, by symbol.
  setProblems(problems) {
    this._problems = problems;
    for (const symbol of this._rows.keys()) if (!this.quotes.has(symbol)) this._wait(symbol);
  }

  // Says why a symbol has no quote.
  _wait(symbol) { this._row(symbol).wait(this._problems[symbol] ?? (this._collected?.includes(symbol) ? undefined : "not collected")); }

  setReplaying(on) {
    if (this._replaying === on) return;
    this._replaying = on;
    this._ages();
  }

  // Gives the search the keyboard, with what was typed already.
  search(typed) {
    this._search.begin(typed);
  }

  get first() { return this._shown()[0] ?? null; }

  fail(message) {
    if (!this._known) text(this._none, message);
  }

  // Whether the search finds a symbol, by itself or by its company, that is not hidden.
  _found(symbol) {
    const called = `${symbol} ${this._names[symbol]?.name ?? ""}`.toUpperCase();
    return called.includes(this._search.text) && (this._box.lines !== null || !this._hidden.has(symbol));
  }

  // The symbols with quotes in the order in which they stand.
  _shown() {
    const { lines } = this._box;
    const wanted = lines === null ? [...this.quotes.keys()] : lines.filter((line) => this.quotes.has(line));
    const found = wanted.filter((symbol) => this._found(symbol)).map((symbol) => this.quotes.get(symbol));
    return (this._sort.owns(lines) ? found : this._sort.sorted(found)).map(({ symbol }) => symbol);
  }

  // The rows and, in a list of one's own, its groups.
  _items(shown, waiting) {
    const { lines } = this._box;
    if (!this._sort.owns(lines)) return [...shown, ...waiting].map((symbol) => this._row(symbol).item);
    const rows = new Set([...shown, ...waiting]);
    const item = (line) => (groupOf(line) ? h("li", { class: "group", role: "listitem", "data-group": line }, groupOf(line)) : rows.has(line) && this._row(line).item);
    return lines.map(item).filter(Boolean);
  }

  _arrange() {
    const { lines } = this._box;
    const waiting = (lines ?? this._collected ?? []).filter((symbol) => !groupOf(symbol) && !this.quotes.has(symbol) && this._found(symbol));
    const shown = this._shown();
    const items = this._items(shown, waiting);
    for (const [symbol, row] of this._rows) row.endable(this._ends(symbol), lines !== null);
    for (const symbol of waiting) this._wait(symbol);
    fillBlocks(this._list, items);
    this._unhide.hidden = this._hidden.size === 0 || lines !== null;
    text(this._unhide, `Show ${this._hidden.size} hidden`);
    this._none.hidden = items.length > 0 || !this._known;
    if (this._known) text(this._none, lines?.length === 0 ? "This list is empty." : this.quotes.size ? `No symbol in this list matches the search.${this._collected ? "" : FIXED}` : `No symbols yet.${this._collected && mayChange() ? " Add one below." : this._collected ? " An administrator can add one." : FIXED}`);
  }

  _ages() {
    const now = timeOf(this.quotes, this._replaying);
    for (const [symbol, row] of this._rows) if (this.quotes.has(symbol)) row.age(this.quotes.get(symbol), now);
  }

  _row(symbol) {
    if (!this._rows.has(symbol)) {
      const row = new QuoteRow(symbol, { pick: () => this._pick(symbol), remove: () => this._remove(symbol), move: (by) => this._box.lines && this._box.move(symbol, by) });
      row.choose(symbol === this.chosen);
      row.name(this._names[symbol]);
      this._rows.set(symbol, row);
    }
    return this._rows.get(symbol);
  }

  _forget(symbol) {
    this.quotes.delete(symbol);
    this._rows.get(symbol)?.item.remove();
    this._rows.delete(symbol);
  }

  async _add(event) {
    event.preventDefault();
    const input = this._form.elements.symbol;
    const typed = input.value;
    const symbol = typed.trim().toUpperCase();
    if (symbol && await this._collect(symbol) && input.value === typed) input.value = "";
  }

  async _collect(symbol, known) {
    const answer = await collect(symbol, this._tell);
    if (!answer) return false;
    if (known) this._names[symbol] = known;
    this._collected = answer.collected;
    this.edits++;
    if (this._hidden.delete(symbol)) remember("hidden", [...this._hidden]);
    if (this._box.lines && !this._box.lines.includes(symbol)) this._box.put(symbol, null);
    this._arrange();
    return true;
  }

  async _remove(symbol) {
    if (this._box.lines) {
      this._box.drop(symbol);
      return;
    }
    if (this._ends(symbol)) {
      const answer = await stopCollecting(symbol, this._tell);
      if (!answer) return;
      this._collected = answer.collected;
      this.edits++;
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
    this._search.renew();
    attribute(this._root, "class", `watch${!mayChange() || this._collected === null ? " read-only" : ""}`);
    this._arrange();
  }
}
