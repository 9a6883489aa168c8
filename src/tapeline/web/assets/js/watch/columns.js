// Columns of choice in the watch-list: what the screener says of each symbol's newest bar, asked for again and again.
import { get, outcome } from "../api.js";
import { labelOf } from "../chart/catalogue.js";
import { compact, price, signed, signedPercent } from "../format.js";

const EVERY_MS = 5000;
const EVERY_BAR = "price > 0"; // a rule that holds on every bar

const ask = (columns, limit, unattended = false) => outcome(get(`/scan?${new URLSearchParams({ rule: EVERY_BAR, columns, limit })}`, { unattended }));
// Whether the server says that a rule or a column is none.
export const refused = (error) => [404, 422].includes(error?.status);

// The columns that a text names, between commas outside of parentheses: [{ name, place }].
export function columnsIn(text) {
  let place = 0;
  return text.split(/,(?![^(]*\))/).map((part) => {
    const found = { name: part.trim(), place: place + part.length - part.trimStart().length };
    place += part.length + 1;
    return found;
  }).filter(({ name }) => name);
}

// A kept question with the names that columns have now: the bar's change was called `change`.
export function renamed({ columns, sort, ...question }) {
  const now = (name) => name.replace(/^(-?)change$/, "$1bar_change");
  return { ...question, columns: columnsIn(columns).map(({ name }) => now(name)).join(", "), sort: now(sort) };
}

// Resolves to what is wrong with a text that names columns: { message } and, where one of them is none, its place and length;
// null where nothing is.
export async function faultIn(text) {
  const { error: whole } = text.trim() ? await ask(text, 1) : {};
  if (!refused(whole)) return whole ? { message: whole.message } : null;
  const columns = columnsIn(text);
  const answers = await Promise.all(columns.map(({ name }) => ask(name, 1)));
  const at = answers.findIndex(({ error }) => refused(error));
  if (at < 0) return { message: whole.message };
  const { message, detail } = answers[at].error;
  const { name, place } = columns[at];
  return detail.place === undefined ? { message, place, length: name.length } : { message, place: place + detail.place, length: detail.length };
}

export class Columns {
  // `shown(names, values)` hears the names of the columns and, by symbol, their values as text; `failed(message)` what the
  // server says of wrong ones; `decimals(symbol)` says how many its prices have.
  constructor(shown, failed, decimals) {
    this._shown = shown;
    this._failed = failed;
    this._decimals = decimals;
    this._wanted = "";
    this._names = ""; // those that are asked for: the wanted ones without wrong ones
    this._asked = 0; // counts the questions
    this._taken = 0; // the newest one whose answer is shown
    setInterval(() => document.hidden || this._ask(true), EVERY_MS);
  }

  want(names) {
    if (names === this._wanted) return;
    this._wanted = this._names = names;
    if (names) this._ask(false);
    else this._shown([], new Map());
  }

  async _ask(unattended) {
    const names = this._names;
    if (!names) return;
    const asked = ++this._asked;
    const { value, error } = await ask(names, 10_000, unattended);
    if (names !== this._names || asked < this._taken) return;
    this._taken = asked;
    if (refused(error)) this._leaveOut(error);
    else if (error && !unattended) this._failed(error.message);
    if (!value) return;
    const words = (match) => value.columns.map((name) => columnText(name, match[name], this._decimals(match.symbol)));
    this._shown(value.columns, new Map(value.matches.map((match) => [match.symbol, words(match)])));
  }

  // Asks no more for those of the columns that the server does not know, and says so once.
  async _leaveOut(error) {
    const wanted = this._wanted;
    const names = columnsIn(this._names).map(({ name }) => name);
    this._names = "";
    const answers = await Promise.all(names.map((name) => ask(name, 1, true)));
    if (wanted !== this._wanted) return;
    const [good, wrong] = [false, true].map((bad) => names.filter((_, k) => refused(answers[k].error) === bad));
    this._failed(wrong.length ? `The columns of the lists are shown without ${wrong.join(", ")}: ${answers.find((answer) => refused(answer.error)).error.message}.` : error.message);
    if (wrong.length) this._names = good.join(", ");
    if (this._names) this._ask(false);
    else this._shown([], new Map());
  }
}

const PRICES = new Set(["close", "price", "open", "high", "low"]);
const OF_A_BAR = new Set([...PRICES, "volume", "bar_change", "prediction", "probability"]);

// What a column is called: an indicator as in the chart's legend, and what has parentheses as rules have it.
export function columnLabel(name) {
  if (name.includes("(")) return name;
  return OF_A_BAR.has(name) ? name[0].toUpperCase() + name.slice(1).replaceAll("_", " ") : labelOf(name);
}

// The value of a column in few characters, whatever its size. A price has the `decimals` of the symbol's quote, where there
// is one, and otherwise those of its own; a volume has one form and a change its sign and percent wherever it is shown.
export function columnText(name, value, decimals) {
  if (typeof value !== "number") return value ?? "–";
  if (name === "bar_change") return signedPercent(value);
  if (name.startsWith("change(")) return `${signed(value)}%`;
  if (PRICES.has(name)) return price(value, decimals ?? Math.max(2, writtenDecimals(value)));
  const size = Math.abs(value);
  if (name === "volume" && size < 1) return price(value, writtenDecimals(value, 8));
  if (name === "volume" || size >= 1e5) return compact(value);
  return price(value, size >= 1000 ? 0 : size >= 10 ? 2 : size >= 0.1 ? 3 : 4);
}

// How many decimals a number has when it is written with at most this number of significant digits.
const writtenDecimals = (value, digits = 6) => Number(value.toPrecision(digits)).toFixed(8).replace(/0+$/, "").split(".")[1].length;
