// The alerts at fixed prices of the symbol that is shown: lines that can be dragged, and marks where alerts fired.
import { del, get, mayChange, outcome, part, post, whoIs } from "../api.js";
import { toast } from "../toast.js";
import { asked } from "./ask.js";

const MOST_FIRED = 1000;

export class AlertLines {
  // `view()` gives { bars } of what is shown.
  constructor(layer, view) {
    this._layer = layer;
    this._view = view;
    this._turn = 0; // counts the questions, so that late answers to earlier ones are dropped
    this._symbol = null; // whose alerts are drawn
  }

  // Asks for the rules and what fired, and draws both.
  async refresh() {
    const symbol = this._view().bars?.symbol ?? null;
    const layer = this._layer;
    const turn = ++this._turn;
    if (symbol !== this._symbol) [this._symbol, layer.alerts, layer.fired] = [symbol, [], []]; // another's must not be moved on it
    const { value } = await outcome(Promise.all([get("/alerts/rules", { unattended: true }), get(`/alerts?limit=${MOST_FIRED}`, { unattended: true }), whoIs()]));
    if (!value || turn !== this._turn) return;
    const [{ rules }, { alerts }] = value;
    const later = layer.fired.filter(({ id }) => id > (alerts[0]?.id ?? 0)); // fired after the answer was made
    layer.alerts = rules.filter(({ level, symbols }) => level && symbols.includes(symbol)).map((rule) => this._line(rule));
    layer.fired = [...alerts.filter((alert) => alert.symbol === symbol).map(mark), ...later];
    layer.redraw();
  }

  // The line of a rule: the one that is here already, which may be selected or on its way to another price.
  _line(rule) {
    const known = this._layer.alerts.find((alert) => alert.rule.id === rule.id && alert.rule.level.price === rule.level.price);
    return Object.assign(known ?? { price: rule.level.price }, { rule });
  }

  // Takes an alert that fired.
  fire(alert) {
    if (alert.symbol !== this._symbol) return;
    this._layer.fired = [...this._layer.fired, mark(alert)];
    this._layer.redraw();
  }

  hit(y, near) {
    return this._layer.alerts.find((alert) => Math.abs(this._layer.at({ t: 0, p: alert.price }).y - y) < near) ?? null;
  }

  // Asks for a price, beginning with this one, and sets an alert there.
  async ask(price = this._view().bars.columns.c.at(-1)) {
    const { bars } = this._view(); // those of the symbol before, while another one's are on their way
    let way; // as it was said last
    const label = (typed) => `When the price crosses ${way = wayTo(bars, Number(typed))}`;
    const typed = await asked(`Alert for ${bars.symbol}`, label, { value: price.toFixed(bars.decimals), type: "number", step: 10 ** -bars.decimals, action: "Set the alert" });
    if (typed !== null) await this._set(bars, Number(typed), way);
  }

  // Draws an alert at another price (null: at its own); `done` puts it there: another rule takes the place of its own.
  async move(alert, price, done = false) {
    const { bars } = this._view();
    if (price === null || !alert.rule.removable || !mayChange()) {
      alert.price = alert.rule.level.price;
      this._layer.redraw();
      return;
    }
    alert.price = Number(price.toFixed(bars.decimals));
    this._layer.redraw();
    if (!done || alert.price === alert.rule.level.price) return;
    const moved = await this._set(bars, alert.price, wayTo(bars, alert.price)) && !(await outcome(del(`/alerts/rules/${part(alert.rule.id)}`))).error;
    if (!moved) alert.price = alert.rule.level.price;
    await this.refresh();
  }

  // Removes the alert that is selected; whether there was one.
  remove() {
    const alert = this._layer.chosen;
    if (!this._layer.alerts.includes(alert) || !mayChange() || !alert.rule.removable) return false;
    this._layer.chosen = null;
    outcome(del(`/alerts/rules/${part(alert.rule.id)}`)).then(() => this.refresh());
    return true;
  }

  async _set({ symbol }, price, way) {
    const { error } = await outcome(post("/alerts/rules", { text: `price crosses ${way} ${price} for ${symbol}` }));
    if (error) toast(`The alert was not set: ${error.message}`, "bad");
    else toast(`An alert is set: ${symbol} crosses ${way} ${price}.`);
    await this.refresh();
    return !error;
  }
}

// The way in which a price is crossed from the newest one.
const wayTo = ({ columns }, price) => (price > columns.c.at(-1) ? "above" : "below");

// `longBars`: the rule names bars of days, as TSLA@1d does.
const mark = ({ id, timestamp, price, rule }) => ({ id, t: timestamp, price, longBars: /@\d*(d|w|mo)\b/i.test(rule) });
