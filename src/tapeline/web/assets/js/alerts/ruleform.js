// The form in which a rule is written, or another text given to one.
import { outcome, part, patch, post } from "../api.js";
import { h, text } from "../dom.js";
import { showFault } from "../fault.js";
import { toast } from "../toast.js";
import { Completion } from "./complete.js";
import { Preview } from "./preview.js";

const EXAMPLES = [
  "rsi_14 < 30", "price crosses above sma_50", "price falls 5% in 1 day", "volume > 3 × its mean of 20", "price leaves the 95% band",
  "prediction changes to UP with probability > 0.6", "p_touched(150, 5) > 0.2 for AAPL", "no bar for 3 minutes in an open session",
  "price crosses below 150 for AAPL on forming bars quiet 1 hour",
];

export class RuleForm {
  // `zone()` answers whose times are shown, `jump(symbol, time)` shows a bar, `symbols()` gives those there are, `changed()`
  // hears that a rule was added or changed.
  constructor({ zone, jump, symbols, changed }) {
    this._changed = changed;
    this._rule = null; // the one that is being changed
    this._input = h("input", {
      type: "text", id: "rule", autocomplete: "off", spellcheck: "false", maxlength: "500", "aria-describedby": "rule-error",
      oninput: () => this._typed(),
    });
    this._completion = new Completion(this._input, symbols);
    this._preview = new Preview({ zone, jump });
    this._error = h("div", { class: "rule-error", id: "rule-error", role: "alert" });
    this._label = h("label", { for: "rule" });
    this._submit = h("button", { type: "submit", class: "primary" });
    this._cancel = h("button", { type: "button", onclick: () => this.begin(null) }, "Cancel");
    this.root = h("form", { onsubmit: (event) => this._send(event) }, this._label,
      h("div", { class: "line" }, h("div", { class: "completed" }, this._input, this._completion.root), this._submit, this._cancel),
      this._error, this._preview.root,
      h("p", { class: "note" }, "For example ", EXAMPLES.map((rule, i) => [i ? ", " : "", h("button", { type: "button", class: "example", onclick: () => this._fill(rule) }, rule)])));
    this._name();
  }

  // Takes up the text of this rule; null: a new one.
  begin(rule) {
    this._rule = rule;
    this._name();
    this._fill(rule?.text ?? "");
  }

  _name() {
    text(this._label, this._rule ? "New text for the rule, which then starts afresh" : "New rule");
    text(this._submit, this._rule ? "Change" : "Add");
    this._cancel.hidden = !this._rule;
  }

  _fill(rule) {
    this._input.value = rule;
    this._typed();
    this._input.focus();
  }

  _typed() {
    this._showFault(null);
    this._preview.type(this._input.value.trim());
  }

  async _send(event) {
    event.preventDefault();
    const rule = this._input.value.trim();
    if (!rule) return;
    const changed = this._rule;
    this._submit.disabled = true; // Enter twice is one rule
    const { error } = await outcome(changed ? patch(`/alerts/rules/${part(changed.id)}`, { text: rule }) : post("/alerts/rules", { text: rule }));
    this._submit.disabled = false;
    const meanwhile = this._rule !== changed || this._input.value.trim() !== rule; // something else is being written already
    if (error && meanwhile) toast(`${rule} was refused: ${error.message}`, "bad");
    else if (error) this._showFault(error, rule);
    else if (!meanwhile) this.begin(null);
    if (!meanwhile) this._input.focus();
    if (!error) await this._changed();
  }

  _showFault(error, rule) {
    showFault(this._input, this._error, error && { ...error.detail, message: error.message }, rule);
  }
}
