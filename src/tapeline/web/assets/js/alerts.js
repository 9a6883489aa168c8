// The alerts tab: rules, what fired, and the toast or notification when one does.
import { ApiError, del, get, mayChange, part, post } from "./api.js";
import { confirmed, fill, h, text } from "./dom.js";
import { clockOf } from "./format.js";
import { card, cell, head, scroll } from "./model.js";
import { remember, remembered } from "./prefs.js";
import { toast } from "./toast.js";

const EXAMPLES = [
  "rsi_14 < 30", "price crosses above sma_50", "sma_50 crosses above sma_200",
  "prediction changes to UP with probability > 0.6", "no bar for 3 minutes in an open session",
  "price crosses below 150 for AAPL on forming bars quiet 1 hour",
];
const KEPT = 200;
const MISSED = 20;

export class AlertsTab {
  // `counted(n)` hears how many fired since the tab was looked at; `zone()` says whose times are shown.
  constructor(root, { counted, zone, pick }) {
    this._root = root;
    this._zone = zone;
    this._pick = pick;
    this._counted = counted;
    this._unseen = 0;
    this._shown = false;
    this._last = null; // the id of the newest alert that was heard of
    this._fired = [];
    this._rules = [];
    this._built = false;
  }

  get wanted() {
    return remembered("notify", false) === true && "Notification" in window && Notification.permission === "granted";
  }

  async show() {
    this._shown = true;
    this._unseen = 0;
    this._counted(0);
    if (!this._built) this._build();
    await this._read();
  }

  hide() {
    this._shown = false;
  }

  // A stream of events has begun, which tells of what fires from now on: what fired since the last one is asked for.
  async catchUp() {
    let missed;
    try {
      missed = (await get(`/alerts?limit=${MISSED}`)).alerts;
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      return;
    }
    if (this._last === null) this._last = missed[0]?.id ?? 0;
    else for (const alert of missed.reverse()) this.fire(alert);
  }

  // An alert has fired.
  fire(alert) {
    if (this._last !== null && alert.id <= this._last) return;
    this._last = alert.id;
    this._fired = [alert, ...this._fired].slice(0, KEPT);
    const title = `${alert.symbol ? `${alert.symbol}: ` : ""}${alert.rule}`;
    toast(alert.text ?? "", "alert", title);
    if (this.wanted && document.hidden) notify(title, alert);
    if (this._shown) this._drawFired();
    else this._counted(++this._unseen);
  }

  _build() {
    this._built = true;
    this._input = h("input", {
      type: "text", id: "rule", autocomplete: "off", spellcheck: "false", maxlength: "500", list: "rule-examples",
      "aria-describedby": "rule-error", oninput: () => this._say(null),
    });
    this._error = h("div", { class: "rule-error", id: "rule-error", role: "alert" });
    this._form = h("form", { onsubmit: (event) => this._add(event) },
      h("label", { for: "rule" }, "New rule"),
      h("div", { class: "line" }, this._input, h("button", { type: "submit", class: "primary" }, "Add")),
      this._error,
      h("datalist", { id: "rule-examples" }, EXAMPLES.map((one) => h("option", { value: one }))),
      h("p", { class: "note" }, "Such as ", EXAMPLES.map((one, i) => [i ? ", " : "", h("button", {
        type: "button", class: "example", onclick: () => { this._input.value = one; this._say(null); this._input.focus(); },
      }, one)])));
    const notify = h("input", { type: "checkbox", id: "notify", checked: this.wanted, onchange: (event) => this._notify(event.target) });
    this._ruleList = h("div");
    this._firedList = h("div");
    this._problem = h("p", { class: "verdict bad", hidden: true });
    fill(this._root, this._problem, h("div", { class: "cards" },
      card("Rules", "wide", this._form, this._ruleList,
        "Notification" in window
          ? h("div", { class: "check" }, notify, h("label", { for: "notify" }, "Also notify me when this page is in the background")) : null),
      card("Fired", "wide", this._firedList)));
  }

  async _read() {
    try {
      const [fired, rules] = await Promise.all([get("/alerts"), get("/alerts/rules")]);
      this._fired = fired.alerts ?? [];
      this._rules = rules.rules ?? [];
      this._problem.hidden = true;
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      text(this._problem, `Alerts cannot be read: ${error.message}.`);
      this._problem.hidden = false;
    }
    this._form.hidden = !mayChange();
    this._drawRules();
    this._drawFired();
  }

  _drawRules() {
    fill(this._ruleList, this._rules.length ? h("ul", { class: "rules" }, this._rules.map((rule) => h("li", {},
      h("code", {}, rule.text ?? rule.rule), rule.symbol ? h("span", {}, rule.symbol) : null,
      rule.source && rule.source !== "page" ? h("small", {}, `from ${rule.source}`) : null,
      mayChange() && rule.removable !== false
        ? h("button", { type: "button", "aria-label": `Remove ${rule.text ?? rule.rule}`, onclick: () => this._remove(rule) }, "Remove") : null)))
      : h("p", { class: "none" }, mayChange() ? "No rules yet." : "No rules."));
  }

  _drawFired() {
    if (!this._fired.length) {
      fill(this._firedList, h("p", { class: "none" }, "None has fired yet."));
      return;
    }
    const clock = clockOf(this._zone());
    const fired = [...this._fired].sort((a, b) => b.timestamp - a.timestamp || b.id - a.id); // symbols are looked at one after the other
    fill(this._firedList, scroll(h("table", { class: "text" },
      h("thead", {}, h("tr", {}, ["Bar", "Symbol", "Rule", "What was seen", "Delivered"].map(head))),
      h("tbody", {}, fired.map((one) => h("tr", {},
        h("td", { title: clock.utc(one.timestamp) }, clock.full(one.timestamp)),
        h("td", {}, one.symbol ? h("button", { type: "button", class: "link", onclick: () => this._pick(one.symbol) }, one.symbol) : ""),
        h("td", {}, h("code", {}, one.rule)), cell(one.text), h("td", {}, deliveries(one.deliveries))))))));
  }

  async _add(event) {
    event.preventDefault();
    const rule = this._input.value.trim();
    if (!rule) return;
    try {
      await post("/alerts/rules", { text: rule });
      this._input.value = "";
      this._say(null);
      await this._read();
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      this._say(error, rule);
    }
    this._input.focus();
  }

  async _remove(rule) {
    if (!await confirmed("Remove this rule?", rule.text ?? rule.rule, "Remove")) return;
    try {
      await del(`/alerts/rules/${part(rule.id)}`);
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      toast(`The rule was not removed: ${error.message}`, "bad");
    }
    await this._read();
  }

  // What is wrong with a rule, with a mark under the place.
  _say(error, rule = "") {
    this._input.toggleAttribute("aria-invalid", error !== null);
    if (error === null) {
      fill(this._error);
      return;
    }
    const place = error.detail?.place;
    const mark = Number.isInteger(place) && place <= rule.length
      ? h("pre", { "aria-hidden": "true" }, `${rule}\n${" ".repeat(place)}${"^".repeat(Math.max(1, error.detail.length ?? 1))}`) : null;
    fill(this._error, mark, h("span", {}, error.message));
    if (mark) this._input.setSelectionRange(place, place + Math.max(1, error.detail.length ?? 1));
  }

  async _notify(box) {
    if (box.checked && await Notification.requestPermission() !== "granted") {
      box.checked = false;
      toast("This browser does not let the page notify.", "bad");
    }
    remember("notify", box.checked);
  }
}

function notify(title, alert) {
  try {
    new Notification(title, { body: alert.text ?? "", tag: String(alert.id) });
  } catch {
    // phones want a service worker for that; the toast is there
  }
}

function deliveries(list) {
  if (!list?.length) return "page";
  return list.map((one) => (typeof one === "string" ? one : `${one.channel ?? one.name ?? "?"} ${one.state ?? one.status ?? ""}`.trim())).join(", ");
}
