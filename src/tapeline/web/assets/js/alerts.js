// The alerts tab: the rules, what fired, and the toast or notification when one does.
import { del, get, mayChange, outcome, part, post } from "./api.js";
import { card, cell, nothing, table } from "./cards.js";
import { confirmed, fill, h, text } from "./dom.js";
import { clockOf } from "./format.js";
import { remember, remembered } from "./prefs.js";
import { toast } from "./toast.js";

const EXAMPLES = [
  "rsi_14 < 30", "price crosses above sma_50", "sma_50 crosses above sma_200",
  "prediction changes to UP with probability > 0.6", "p_touched(150, 5) > 0.2 for AAPL", "no bar for 3 minutes in an open session",
  "price crosses below 150 for AAPL on forming bars quiet 1 hour",
];
const MOST_FIRED = 200;
const MOST_MISSED = 20;

export class AlertsTab {
  // `counted(count)` hears how many fired since the tab was last shown; `zone()` answers whose times are
  // shown, `jump(symbol, time)` shows the bar that an alert is about.
  constructor(root, { counted, zone, jump }) {
    this._root = root;
    this._zone = zone;
    this._jump = jump;
    this._counted = counted;
    this._unseen = 0;
    this._shown = false;
    this._last = null; // the id of the newest alert known
    this._fired = [];
    this._rules = [];
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
  async catchUp() {
    const { value, error } = await outcome(get(`/alerts?limit=${MOST_MISSED}`));
    if (error) return;
    if (this._last === null) this._last = value.alerts[0]?.id ?? 0;
    else for (const alert of value.alerts.reverse()) this.fire(alert);
  }

  // Shows an alert that fired, unless it is known.
  fire(alert) {
    if (this._last !== null && alert.id <= this._last) return;
    this._last = alert.id;
    this._fired = [alert, ...this._fired].slice(0, MOST_FIRED);
    const title = alert.symbol ? `${alert.symbol}: ${alert.rule}` : alert.rule;
    toast(alert.text, "alert", title, alert.symbol && { name: "Show the bar", run: () => this._jump(alert.symbol, alert.timestamp) });
    if (this.wanted && document.hidden) notify(title, alert);
    if (this._shown) this._drawFired();
    else this._counted(++this._unseen);
  }

  _build() {
    this._input = h("input", {
      type: "text", id: "rule", autocomplete: "off", spellcheck: "false", maxlength: "500", list: "rule-examples",
      "aria-describedby": "rule-error", oninput: () => this._showFault(null),
    });
    this._error = h("div", { class: "rule-error", id: "rule-error", role: "alert" });
    this._form = h("form", { onsubmit: (event) => this._add(event) },
      h("label", { for: "rule" }, "New rule"),
      h("div", { class: "line" }, this._input, h("button", { type: "submit", class: "primary" }, "Add")),
      this._error,
      h("datalist", { id: "rule-examples" }, EXAMPLES.map((rule) => h("option", { value: rule }))),
      h("p", { class: "note" }, "For example ", EXAMPLES.map((rule, i) => [i ? ", " : "", h("button", {
        type: "button", class: "example", onclick: () => { this._input.value = rule; this._showFault(null); this._input.focus(); },
      }, rule)])));
    const notifications = h("input", { type: "checkbox", id: "notify", checked: this.wanted, onchange: (event) => this._allowNotifications(event.target) });
    this._ruleList = h("div");
    this._firedList = h("div");
    this._problem = h("p", { class: "verdict bad", hidden: true });
    fill(this._root, this._problem, h("div", { class: "cards" },
      card("Rules", "wide", this._form, this._ruleList, "Notification" in window &&
        h("div", { class: "check" }, notifications, h("label", { for: "notify" }, "Also notify me while this page is in the background"))),
      card("Fired", "wide", this._firedList)));
  }

  async _read() {
    const { value, error } = await outcome(Promise.all([get("/alerts"), get("/alerts/rules")]));
    if (error) text(this._problem, `Alerts cannot be read: ${error.message}.`);
    else [this._fired, this._rules] = [value[0].alerts, value[1].rules];
    this._problem.hidden = !error;
    this._form.hidden = !mayChange();
    this._drawRules();
    this._drawFired();
  }

  _drawRules() {
    fill(this._ruleList, this._rules.length ? h("ul", { class: "rules" }, this._rules.map((rule) => h("li", {},
      h("code", {}, rule.text), !rule.removable && h("small", {}, "from the settings"),
      mayChange() && rule.removable &&
        h("button", { type: "button", "aria-label": `Remove ${rule.text}`, onclick: () => this._remove(rule) }, "Remove"))))
      : nothing("No rules yet."));
  }

  _drawFired() {
    if (!this._fired.length) {
      fill(this._firedList, nothing("No alert has fired yet."));
      return;
    }
    const clock = clockOf(this._zone());
    // By bar rather than by id, as rules look at one symbol after the other.
    const fired = [...this._fired].sort((first, second) => second.timestamp - first.timestamp || second.id - first.id);
    fill(this._firedList, table(["Bar", "Symbol", "Rule", "Seen", "Delivered"], fired.map((alert) => h("tr", {},
      h("td", { title: clock.utc(alert.timestamp) }, clock.full(alert.timestamp)),
      cell(alert.symbol && h("button", { type: "button", class: "link", title: "Show the bar", onclick: () => this._jump(alert.symbol, alert.timestamp) }, alert.symbol)),
      cell(h("code", {}, alert.rule)), cell(alert.text),
      cell(alert.deliveries.map(({ channel, state }) => `${channel} ${state}`).join(", ") || "page"))), "text"));
  }

  async _add(event) {
    event.preventDefault();
    const rule = this._input.value.trim();
    if (!rule) return;
    const { error } = await outcome(post("/alerts/rules", { text: rule }));
    if (error) this._showFault(error, rule);
    else {
      this._input.value = "";
      this._showFault(null);
      await this._read();
    }
    this._input.focus();
  }

  async _remove(rule) {
    if (!await confirmed("Remove this rule?", rule.text, "Remove")) return;
    const { error } = await outcome(del(`/alerts/rules/${part(rule.id)}`));
    if (error) toast(`The rule was not removed: ${error.message}`, "bad");
    await this._read();
  }

  // Shows what is wrong with a rule, with a mark under the characters in question; null shows nothing.
  _showFault(error, rule) {
    this._input.toggleAttribute("aria-invalid", error !== null);
    if (error === null) {
      fill(this._error);
      return;
    }
    const { place, length } = error.detail; // undefined where it is not the text's fault
    const marked = Math.max(1, length);
    fill(this._error, place <= rule.length && h("pre", { "aria-hidden": "true" }, `${rule}\n${" ".repeat(place)}${"^".repeat(marked)}`), h("span", {}, error.message));
    if (place <= rule.length) this._input.setSelectionRange(place, place + marked);
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
