// What is said of a rule while it is typed: whether it is one, which of its symbols are unknown, and when it would have fired.
import { get, outcome } from "../api.js";
import { attribute, fill, h } from "../dom.js";
import { clockOf, integer } from "../format.js";

const REST_MS = 350; // typing pauses for this long before the server is asked
const DAYS = 7;
const MOST_SHOWN = 5;

export class Preview {
  // `zone()` answers whose times are shown, `jump(symbol, time)` shows a bar.
  constructor({ zone, jump }) {
    this._zone = zone;
    this._jump = jump;
    this._timer = 0;
    this._turn = 0; // counts the texts, so that late answers to earlier ones are dropped
    this.root = h("div", { class: "preview", role: "status" });
  }

  // Takes the text as it is now.
  type(text) {
    clearTimeout(this._timer);
    const turn = ++this._turn;
    if (text) this._timer = setTimeout(() => this._ask(text, turn), REST_MS);
    else fill(this.root);
  }

  async _ask(text, turn) {
    const query = new URLSearchParams({ rule: text });
    const { value: read, error } = await outcome(get(`/alerts/reading?${query}`));
    if (turn !== this._turn) return;
    if (error || read.fault) {
      fill(this.root, h("p", { class: "none" }, error ? error.message : `Not a rule yet: ${read.fault.message}`));
      return;
    }
    const unknown = read.unknown.map((symbol) => h("p", { class: "warn" }, `${symbol} has no bars: the rule waits for some, unless it is mistyped.`));
    fill(this.root, unknown, h("p", { class: "none" }, "Trying it on the stored bars …"));
    const { value: found, error: failure } = await outcome(get(`/alerts/rehearsal?${query}&days=${DAYS}`));
    if (turn !== this._turn) return;
    fill(this.root, unknown, failure ? h("p", { class: "none" }, `It cannot be tried: ${failure.message}`) : this._fired(found));
  }

  _fired(found) {
    const clock = clockOf(this._zone());
    const shown = found.fired.slice(-MOST_SHOWN).reverse();
    const bar = ({ symbol, timestamp }) => h("button", { type: "button", class: "link", title: "Show the bar", onclick: () => this._jump(symbol, timestamp) }, `${symbol} ${clock.full(timestamp)}`);
    return h("p", {}, h("b", {}, rehearsalText(found, DAYS)), shown.length > 0 && [" ", shown.length < found.times ? "The newest: " : "", shown.map((each, i) => [i ? ", " : "", bar(each)]), "."]);
  }
}

// How often a rule would have fired, such as "Would have fired 3 times in the last 7 days."
export function rehearsalText({ times, bars, complete }, days) {
  if (!bars) return "There are no stored bars to try it on.";
  const among = complete ? "" : `, of the first ${integer(bars)} bars`;
  if (!times) return `Would not have fired in the last ${days} days${among}.`;
  return `Would have fired ${times === 1 ? "once" : `${integer(times)} times`} in the last ${days} days${among}.`;
}
