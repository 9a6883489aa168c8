// The screener tab: the symbols on whose newest bar a rule holds, with columns of choice, sorted, saved by name, and live.
import { Completion } from "./alerts/complete.js";
import { del, get, mayChange, outcome, part, put, whoIs } from "./api.js";
import { card, cell, nothing, table } from "./cards.js";
import { fill, h, text } from "./dom.js";
import { showFault } from "./fault.js";
import { clockOf, integer, trend } from "./format.js";
import { remember, remembered } from "./prefs.js";
import { columnText, columnsIn, faultIn, refused, renamed } from "./watch/columns.js";

const EVERY_MS = 5000;
const FIRST = { rule: "rsi_14 < 30", columns: "close, bar_change, rsi_14", interval: "", at: "", sort: "" };
const COMPLETED = ["rule", "columns"];
const BAR_CHANGE = "the bar's change, from the bar before; the watch-list's counts from the previous session's close";
const FIELDS = {
  rule: ["Rule", { maxlength: "500", placeholder: "rsi_14 < 30 and price > sma_200" }],
  columns: ["Columns", { maxlength: "300", placeholder: "close, bar_change, rsi_14" }],
  interval: ["Bars", { maxlength: "6", placeholder: "as shown" }],
  at: ["As of, UTC", { type: "datetime-local", title: "Left empty: the newest bars" }],
};

export class ScreenerTab {
  // `zone()` says whose times are shown, `decimals(symbol)` how many its prices have; `pick(symbol, time)` shows one, at the
  // bar of a time where that is not null.
  constructor(root, { zone, decimals, pick }) {
    this._root = root;
    this._zone = zone;
    this._decimals = decimals;
    this._pick = pick;
    this._timer = 0;
    this._turn = 0;
    this._wrong = undefined; // what is shown to be wrong with the question
    this._listing = 0; // counts the questions for what is saved, so that late answers to earlier ones are dropped
    const kept = remembered("screener", FIRST);
    this._asked = renamed(Object.fromEntries(Object.entries(FIRST).map(([name, usual]) => [name, typeof kept?.[name] === "string" ? kept[name] : usual])));
  }

  show() {
    if (!this._fields) this._build();
    this._list();
    this._ask(false);
  }

  hide() {
    clearTimeout(this._timer);
    this._turn++;
  }

  _build() {
    this._fields = Object.fromEntries(Object.entries(FIELDS).map(([name, [, options]]) =>
      [name, h("input", { id: `scan-${name}`, type: "text", value: this._asked[name], autocomplete: "off", spellcheck: "false", ...options })]));
    this._problem = h("div", { class: "rule-error", role: "alert" });
    this._name = h("input", { id: "scan-name", maxlength: "40", placeholder: "oversold", autocomplete: "off", spellcheck: "false" });
    this._saved = h("ul", { class: "chips" });
    this._keeping = h("form", { class: "line", onsubmit: (event) => this._save(event) }, h("label", { for: "scan-name" }, "Save as"), this._name, h("button", { type: "submit" }, "Save"));
    this._found = h("div");
    fill(this._root, h("div", { class: "cards" },
      card("Screener", "wide",
        h("form", { class: "scan", onsubmit: (event) => this._submit(event) },
          Object.entries(FIELDS).map(([name, [label]]) => [h("label", { for: `scan-${name}` }, label), COMPLETED.includes(name)
            ? h("div", { class: "completed" }, this._fields[name], new Completion(this._fields[name]).root) : this._fields[name]]),
          h("button", { type: "submit", class: "primary" }, "Scan")),
        this._problem, this._keeping, this._saved),
      card("Found", "wide", this._found)));
  }

  _submit(event) {
    event.preventDefault();
    for (const [name, field] of Object.entries(this._fields)) this._asked[name] = field.value.trim();
    this._asked.sort = "";
    this._ask(false);
  }

  async _ask(unattended) {
    clearTimeout(this._timer);
    const turn = ++this._turn;
    remember("screener", { ...this._asked, at: "" });
    const wanted = Object.entries({ ...this._asked, at: this._asked.at && `${this._asked.at}Z` }).filter(([, value]) => value);
    const { value, error } = await outcome(get(`/scan?${new URLSearchParams(wanted)}`, { unattended }));
    if (turn !== this._turn) return;
    const fault = refused(error) ? await faultIn(this._asked.columns) : null;
    if (turn !== this._turn) return;
    const wrong = fault ?? (error ? { ...error.detail, message: error.message } : null);
    if (!unattended || wrong?.message !== this._wrong) this._mark(fault ? "columns" : "rule", wrong);
    this._wrong = wrong?.message;
    if (value) this._draw(value);
    if (!this._asked.at && !refused(error)) this._timer = setTimeout(() => this._ask(true), EVERY_MS); // the past stays as it is
  }

  // Shows what is wrong with a field; nothing without a fault.
  _mark(name, fault) {
    for (const other of COMPLETED) showFault(this._fields[other], this._problem, null);
    if (fault) showFault(this._fields[name], this._problem, fault, this._asked[name]);
  }

  _draw({ columns, matches, matched, looked_at: looked, unknown, why_unknown: why }) {
    const drawn = JSON.stringify([columns, matches, matched, looked, why, unknown, this._asked, this._zone()]);
    if (drawn === this._drawn) return; // a press on a button that is replaced before it ends is lost
    this._drawn = drawn;
    const clock = clockOf(this._zone());
    const counts = `${integer(matched)} of ${integer(looked)} series${unknown ? `; for ${integer(unknown)} it is not known${why && `: ${why}`}` : ""}${matches.length < matched ? `; the first ${integer(matches.length)} are shown` : ""}.`;
    const focused = this._found.contains(document.activeElement) ? document.activeElement.dataset.name : null;
    const scrolled = this._found.querySelector(".scroll")?.scrollTop ?? 0;
    const sortable = (name) => h("button", { type: "button", class: "link", "data-name": name, title: `Sort by ${name === "bar_change" ? BAR_CHANGE : name}`, onclick: () => this._sortBy(name) }, this._sign(name));
    fill(this._found, h("p", {}, counts), matches.length ? table(["Symbol", "Bar", ...columns.map(sortable)], matches.map((match) => h("tr", {},
      cell(h("button", { type: "button", class: "link", "data-name": match.symbol, onclick: () => this._pick(match.symbol, this._asked.at ? match.timestamp : null) }, match.symbol)), h("td", { class: "moment" }, clock.full(match.timestamp)),
      columns.map((name) => h("td", { class: name === "bar_change" ? trend(match[name]) : null }, columnText(name, match[name], this._decimals(match.symbol))))))) : nothing(this._without(looked, unknown)));
    const scroll = this._found.querySelector(".scroll");
    if (scroll) scroll.scrollTop = scrolled;
    if (focused) [...this._found.querySelectorAll("button")].find(({ dataset }) => dataset.name === focused)?.focus();
  }

  // What is said where the rule holds on none of these series.
  _without(looked, unknown) {
    if (!looked) return "No bars are stored yet.";
    if (looked === unknown) return "It is known of no series whether the rule holds.";
    return this._asked.at ? "The rule held on no bar of that time." : "The rule holds on no newest bar.";
  }

  _sign(name) {
    return { [name]: `${name} ▲`, [`-${name}`]: `${name} ▼` }[this._asked.sort] ?? name;
  }

  _sortBy(name) {
    this._asked.sort = this._asked.sort === `-${name}` ? name : `-${name}`;
    this._ask(false);
  }

  async _list() {
    const turn = ++this._listing;
    const [{ value }] = await Promise.all([outcome(get("/scans")), whoIs()]);
    if (turn !== this._listing) return;
    this._keeping.hidden = !mayChange();
    fill(this._saved, (value?.scans ?? []).map((scan) => h("li", {},
      h("button", { type: "button", class: "link", title: scan.rule, onclick: () => this._take(scan) }, scan.name),
      mayChange() && h("button", { type: "button", class: "icon", "aria-label": `Forget ${scan.name}`, onclick: () => this._forget(scan.name) }, "×"))));
  }

  _take({ rule, columns, interval, sort }) {
    this._asked = renamed({ rule, columns: columns.join(", "), interval, at: this._asked.at, sort });
    for (const [name, field] of Object.entries(this._fields)) field.value = this._asked[name];
    this._ask(false);
  }

  async _save(event) {
    event.preventDefault();
    if (!this._name.value.trim()) {
      text(this._problem, "The scan needs a name.");
      return;
    }
    const { rule, columns, interval, sort } = this._asked;
    const wording = { rule, columns: columnsIn(columns).map(({ name: column }) => column), interval, sort };
    const name = this._name.value;
    const { error } = await outcome(put(`/scans/${part(name.trim())}`, wording));
    text(this._problem, error ? error.message : "");
    if (!error && this._name.value === name) this._name.value = "";
    this._list();
  }

  async _forget(name) {
    const { error } = await outcome(del(`/scans/${part(name)}`));
    if (error) text(this._problem, error.message);
    this._list();
  }
}
