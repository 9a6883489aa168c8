// The alerts tab: the rules, what fired, and the toast, sound or notification when one does.
import { del, get, mayChange, outcome, part, patch, whoIs } from "../api.js";
import { card, cell, nothing, table } from "../cards.js";
import { confirmed, fill, h, text } from "../dom.js";
import { clockOf } from "../format.js";
import { remember, remembered } from "../prefs.js";
import { toast } from "../toast.js";
import { RuleForm } from "./ruleform.js";
import * as sound from "./sound.js";

const MOST_FIRED = 200;
const MOST_MISSED = 20;

export class AlertsTab {
  // `counted(count)` hears how many fired since the tab was last shown; `zone()` answers whose times are
  // shown, `jump(symbol, time)` shows the bar that an alert is about, `symbols()` gives those there are.
  constructor(root, { counted, zone, jump, symbols }) {
    this._root = root;
    this._zone = zone;
    this._jump = jump;
    this._symbols = symbols;
    this._counted = counted;
    this._unseen = 0;
    this._shown = false;
    this._turn = 0; // counts the questions, so that late answers to earlier ones are dropped
    this._last = null; // the id of the newest alert when the page was opened
    this._told = new Set(); // the ids of those that were shown since
    this._caught = Promise.resolve(); // once all questions for missed ones have their answers
    this._fired = [];
    this._rules = [];
    this._only = null; // the rule whose alerts alone are listed
    this._form = null;
  }

  // Whether alerts are to be shown as notifications of the system.
  get wanted() {
    return remembered("notify", false) === true && "Notification" in window && Notification.permission === "granted";
  }

  async show() {
    this._shown = true;
    this._unseen = 0;
    this._counted(0);
    if (!this._form) this._build();
    await this._read();
  }

  hide() {
    this._shown = false;
  }

  // Called when a stream of events begins, which carries later alerts only: asks for those since the last stream.
  catchUp() {
    this._caught = this._caught.then(() => this._catchUp()); // one after another, as the first answer says what is known
  }

  async _catchUp() {
    const { value } = await outcome(get(`/alerts?limit=${MOST_MISSED}`));
    if (!value) return;
    this._last ??= value.alerts[0]?.id ?? 0;
    for (const alert of value.alerts.reverse()) if (alert.id > this._last) this.fire(alert);
  }

  // Shows an alert that fired, unless it is known.
  fire(alert) {
    if (this._told.has(alert.id)) return;
    this._told.add(alert.id);
    const listed = !this._only || this._only.text === alert.rule;
    if (listed) this._fired = [alert, ...this._fired.filter(({ id }) => id !== alert.id)].slice(0, MOST_FIRED);
    const title = alert.symbol ? `${alert.symbol}: ${alert.rule}` : alert.rule;
    if (!this._shown || !listed) toast(alert.text, "alert", title, alert.symbol && { name: "Show the bar", run: () => this._jump(alert.symbol, alert.timestamp) });
    if (this._shown && listed) fill(this._said, `${title}: ${alert.text}`); // else the toast is read out
    if (this._shown) this._drawFired();
    else this._counted(++this._unseen);
    if (this.wanted && document.hidden) notify(title, alert);
    sound.play();
  }

  _build() {
    this._form = new RuleForm({ zone: this._zone, jump: this._jump, symbols: this._symbols, changed: () => this._read() });
    const check = (id, label, checked, changed) => h("div", { class: "check" },
      h("input", { type: "checkbox", id, checked, onchange: (event) => changed(event.target) }), h("label", { for: id }, label));
    this._ruleList = h("div");
    this._firedList = h("div");
    this._said = h("p", { class: "spoken", role: "status" }); // what is new in that list, for screen readers
    this._problem = h("p", { class: "verdict bad", hidden: true });
    fill(this._root, this._problem, h("div", { class: "cards" },
      card("Rules", "wide", this._form.root, this._ruleList,
        sound.possible && check("sound", "Sound when an alert fires", sound.wanted(), ({ checked }) => sound.want(checked)),
        "Notification" in window && check("notify", "Also notify me while this page is in the background", this.wanted, (box) => this._allowNotifications(box))),
      card("Fired", "wide", this._said, this._firedList)));
  }

  async _read() {
    const turn = ++this._turn;
    const [{ value, error }] = await Promise.all([outcome(this._ask()), whoIs()]);
    if (turn !== this._turn) return;
    if (error) text(this._problem, `Alerts cannot be read: ${error.message}.`);
    else this._take(value);
    this._problem.hidden = !error;
    this._form.root.hidden = !mayChange();
    this._drawRules();
    this._drawFired();
  }

  async _ask() {
    const { rules } = await get("/alerts/rules");
    const only = rules.find(({ id }) => id === this._only?.id) ?? null; // it may be gone
    const { alerts } = await get(`/alerts${only ? `?rule=${part(only.id)}` : ""}`);
    return { rules, only, alerts };
  }

  // Takes an answer; what fired after it was made is here already.
  _take({ rules, only, alerts }) {
    const later = this._fired.filter(({ id, rule }) => id > (alerts[0]?.id ?? 0) && (!only || only.text === rule));
    Object.assign(this, { _rules: rules, _only: only, _fired: [...later, ...alerts] });
  }

  _drawRules() {
    fill(this._ruleList, this._rules.length ? h("ul", { class: "rules" }, this._rules.map((rule) => {
      const button = (name, run) => h("button", { type: "button", "aria-label": `${name} ${rule.text}`, onclick: run }, name);
      return h("li", { class: rule.paused ? "paused" : null },
        h("code", {}, rule.text), !rule.removable && h("small", {}, "from the settings"), rule.paused && h("small", {}, "paused"),
        h("span", { class: "actions" }, button("History", () => this._list(rule)), mayChange() && [
          rule.removable && button("Edit", () => this._form.begin(rule)),
          button(rule.paused ? "Resume" : "Pause", () => this._change(rule, patch(`/alerts/rules/${part(rule.id)}`, { paused: !rule.paused }))),
          rule.removable && button("Remove", () => this._remove(rule)),
        ]));
    })) : nothing("No rules yet."));
  }

  // Lists what this rule fired; null: what all did.
  _list(rule) {
    this._only = rule;
    this._read();
  }

  _drawFired() {
    const filter = this._only && h("p", {}, "Of ", h("code", {}, this._only.text), " ", h("button", { type: "button", onclick: () => this._list(null) }, "Show all"));
    if (!this._fired.length) {
      fill(this._firedList, filter, nothing("No alert has fired yet."));
      return;
    }
    const clock = clockOf(this._zone());
    // By bar rather than by id, as rules look at one symbol after the other.
    const fired = [...this._fired].sort((first, second) => second.timestamp - first.timestamp || second.id - first.id);
    fill(this._firedList, filter, table(["Bar", "Symbol", "Rule", "Seen", "Delivered"], fired.map((alert) => h("tr", {},
      h("td", { title: clock.utc(alert.timestamp) }, clock.full(alert.timestamp)),
      cell(alert.symbol && h("button", { type: "button", class: "link", title: "Show the bar", onclick: () => this._jump(alert.symbol, alert.timestamp) }, alert.symbol)),
      cell(h("code", {}, alert.rule)), cell(alert.text),
      cell(alert.deliveries.map(({ channel, state }) => `${channel} ${state}`).join(", ") || "page"))), "text"));
  }

  async _remove(rule) {
    if (await confirmed("Remove this rule?", rule.text, "Remove")) await this._change(rule, del(`/alerts/rules/${part(rule.id)}`));
  }

  // Waits for a change of a rule, and shows the rules as they are then.
  async _change(rule, change) {
    const { error } = await outcome(change);
    if (error) toast(`${rule.text} was not changed: ${error.message}`, "bad");
    await this._read();
  }

  async _allowNotifications(box) {
    if (box.checked && await Notification.requestPermission() !== "granted") {
      box.checked = false;
      toast("This browser does not let the page show notifications.", "bad");
    }
    remember("notify", box.checked);
  }
}

function notify(title, alert) {
  try {
    new Notification(title, { body: alert.text, tag: String(alert.id) });
  } catch {
    // phones want a service worker for this; the toast is there
  }
}
