// Columns of choice in the watch-list: what the screener says of each symbol's newest bar, asked for again and again.
import { get, outcome } from "../api.js";
import { compact, price, signed, signedPercent } from "../format.js";

const EVERY_MS = 5000;
const EVERY_BAR = "price > 0"; // a rule that holds on every bar

export class Columns {
  // `shown(names, values)` hears the names of the columns and, by symbol, their values as text; `failed(message)` what the
  // server says of wrong ones.
  constructor(shown, failed) {
    this._shown = shown;
    this._failed = failed;
    this._names = "";
    this._asked = 0; // counts the questions
    this._taken = 0; // the newest one whose answer is shown
    setInterval(() => document.hidden || this._ask(true), EVERY_MS);
  }

  want(names) {
    if (names === this._names) return;
    this._names = names;
    if (names) this._ask(false);
    else this._shown([], new Map());
  }

  async _ask(unattended) {
    const names = this._names;
    if (!names) return;
    const asked = ++this._asked;
    const { value, error } = await outcome(get(`/scan?${new URLSearchParams({ rule: EVERY_BAR, columns: names, limit: 10_000 })}`, { unattended }));
    if (names !== this._names || asked < this._taken) return;
    this._taken = asked;
    if (error) {
      if (!unattended) this._failed(error.message);
      return;
    }
    const words = (match) => value.columns.map((name) => columnText(name, match[name]));
    this._shown(value.columns, new Map(value.matches.map((match) => [match.symbol, words(match)])));
  }
}

const PRICES = new Set(["close", "price", "open", "high", "low"]);

// The value of a column in few characters, whatever its size. A price has the `decimals` of the symbol's quote, where there
// is one; a volume has one form and a change its sign and percent wherever it is shown.
export function columnText(name, value, decimals) {
  if (typeof value !== "number") return value ?? "–";
  if (name === "bar_change") return signedPercent(value);
  if (name.startsWith("change(")) return `${signed(value)}%`;
  if (PRICES.has(name)) return price(value, decimals ?? (value < 1 ? 6 : 2));
  const size = Math.abs(value);
  if (name === "volume" || size >= 1e5) return compact(value);
  return price(value, size >= 1000 ? 0 : size >= 10 ? 2 : size >= 0.1 ? 3 : 4);
}
