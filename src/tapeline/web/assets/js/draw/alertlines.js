// The alerts at fixed prices of the symbol that is shown: lines that can be dragged, and marks where alerts fired.
import { del, get, mayChange, outcome, part, post } from "../api.js";
import { toast } from "../toast.js";
import { asked } from "./ask.js";

const MOST_FIRED = 1000;

export class AlertLines {
  // `view()` gives { symbol, bars } of what is shown.
  constructor(layer, view) {
    this._layer = layer;
    this._view = view;
  }

  // Asks for the rules and what fired, and draws both.
  async refresh() {
    const { symbol } = this._view();
    const { value } = await outcome(Promise.all([get("/alerts/rules", { unattended: true }), get(`/alerts?limit=${MOST_FIRED}`, { unattended: true })]));
    if (!value || symbol !== this._view().symbol) return;
    const [{ rules }, { alerts }] = value;
    this._layer.alerts = rules.filter(({ level, symbols }) => level && symbols.includes(symbol)).map((rule) => ({ price: rule.level.price, rule }));
    this._layer.fired = alerts.filter((alert) => alert.symbol === symbol).map(({ timestamp, price }) => ({ t: timestamp, price }));
    this._layer.redraw();
  }

  // Takes an alert that fired.
  fire(alert) {
    if (alert.symbol !== this._view().symbol) return;
    this._layer.fired = [...this._layer.fired, { t: alert.timestamp, price: alert.price }];
    this._layer.redraw();
  }

  hit(y, near) {
    return this._layer.alerts.find((alert) => Math.abs(this._layer.at({ t: 0, p: alert.price }).y - y) < near) ?? null;
  }

  // Asks for a price, beginning with this one, and sets an alert there.
  async ask(price = this._view().bars.columns.c.at(-1)) {
    const { bars, symbol } = this._view();
    const typed = await asked(`Alert for ${symbol}`, "When the price crosses", { value: price.toFixed(bars.decimals), type: "number", step: 10 ** -bars.decimals, action: "Set the alert" });
    if (typed !== null) await this._set(symbol, bars, Number(typed));
  }

  // Draws an alert at another price; `done` puts it there: another rule takes the place of its own.
  async move(alert, price, done = false) {
    const { bars, symbol } = this._view();
    if (price === null || !alert.rule.removable || !mayChange()) {
      this._layer.redraw();
      return;
    }
    alert.price = Number(price.toFixed(bars.decimals));
    this._layer.redraw();
    if (!done) return;
    if (alert.price !== alert.rule.level.price && await this._set(symbol, bars, alert.price)) await outcome(del(`/alerts/rules/${part(alert.rule.id)}`));
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

  async _set(symbol, bars, price) {
    const way = price > bars.columns.c.at(-1) ? "above" : "below";
    const { error } = await outcome(post("/alerts/rules", { text: `price crosses ${way} ${price} for ${symbol}` }));
    if (error) toast(`The alert was not set: ${error.message}`, "bad");
    else toast(`An alert is set: ${symbol} crosses ${way} ${price}.`);
    await this.refresh();
    return !error;
  }
}
