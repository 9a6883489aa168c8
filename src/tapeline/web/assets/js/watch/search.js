// The search field above the watch-list: it filters the rows, and finds symbols that are not among them by name.
import { del, get, outcome, part, post } from "../api.js";
import { confirmed, fill, h } from "../dom.js";

const REST_MS = 250; // typing pauses for this long before the server is asked

export class SymbolSearch {
  // `field` is the input, `root` where found symbols are listed. `listed()` gives the symbols in the rows, `changed()` hears
  // that the text changed; `pick(symbol)` shows one, `collect()` gives a function that begins to collect one, null where that
  // is not possible.
  constructor(field, root, { listed, changed, pick, collect }) {
    this._field = field;
    this._root = root;
    this._on = { listed, changed, pick, collect };
    this._timer = 0;
    field.addEventListener("input", () => this._typed());
    field.addEventListener("keydown", (event) => this._key(event));
  }

  get text() {
    return this._field.value.trim().toUpperCase();
  }

  // Gives the field the keyboard, with what was typed already.
  begin(typed) {
    this._field.focus();
    if (typed) this._field.value = typed;
    else this._field.select();
    this._typed();
  }

  // Asks again for what is typed, as more may be done with what is found.
  renew() {
    if (this.text) this._typed();
  }

  clear() {
    this._field.value = "";
    this._field.blur();
    this._typed();
  }

  _typed() {
    this._on.changed();
    clearTimeout(this._timer);
    fill(this._root);
    if (this.text) this._timer = setTimeout(() => this._ask(this.text), REST_MS);
  }

  async _ask(text) {
    const { value } = await outcome(get(`/search?q=${part(text)}`));
    if (!value || text !== this.text) return;
    const listed = new Set(this._on.listed());
    const others = value.symbols.filter(({ symbol, stored }) => !listed.has(symbol) && (stored || this._on.collect()));
    fill(this._root, others.map((found) => h("li", {}, h("button", { type: "button", class: "row", onclick: () => this._take(found) },
      h("b", {}, found.symbol), h("span", { class: "name" }, [found.name, found.exchange].filter(Boolean).join(" · ")), h("span", { class: "link" }, found.stored ? "Show" : "Add")))),
    value.trouble && h("li", { class: "note" }, value.trouble));
  }

  async _take(found) {
    if (!found.stored && !await this._on.collect()(found.symbol, found)) return;
    this.clear();
    this._on.pick(found.symbol);
  }

  // Enter picks the first match, Escape clears the search.
  _key(event) {
    if (event.key === "Escape") this.clear();
    if (event.key === "ArrowDown") this._root.querySelector("button")?.focus();
    if (event.key !== "Enter") return;
    const [first] = this._on.listed();
    if (first) {
      this._on.pick(first);
      this.clear();
    } else this._root.querySelector("button")?.click();
  }
}

// Asks the server to collect a symbol no more, after a question; resolves to its answer or null.
export async function stopCollecting(symbol, tell) {
  if (!await confirmed(`Stop collecting ${symbol}?`, "It leaves the list. Stored bars are kept.", "Stop collecting")) return null;
  const { value, error } = await outcome(del(`/symbols/${part(symbol)}`));
  if (error) tell(`${symbol} is still collected: ${error.message}`, "bad");
  return value ?? null;
}

// Asks the server to collect a symbol; resolves to its answer or null, and tells what came of it.
export async function collect(symbol, tell) {
  const { value, error } = await outcome(post("/symbols", { symbol }));
  if (error) tell(`${symbol} was not added: ${error.message}`, "bad");
  else tell(value.note ?? `${symbol} is now collected.`);
  return value ?? null;
}
