// Named sets of indicators with their looks, kept by the server for each user.
import { keep, recall } from "../desk.js";
import { fill, h, text } from "../dom.js";
import * as selection from "./selection.js";
import { MOST, usableTemplates, withTemplate } from "./templatelist.js";

const LONGEST_NAME = 40;

export class Templates {
  // `root` lists them; `changed()` is called after one was chosen.
  constructor(changed) {
    this._changed = changed;
    this._all = [];
    this._list = h("ul", { class: "chips" });
    this._problem = h("p", { class: "problem", role: "alert" });
    this._name = h("input", { id: "template-name", maxlength: LONGEST_NAME, placeholder: "Day trading", autocomplete: "off", required: true });
    this._submit = h("button", { type: "submit", disabled: true }, "Save"); // until what was kept is known
    this.root = h("section", { class: "templates", "aria-label": "Templates" }, h("h3", {}, "Templates"), this._list,
      h("form", { class: "line", onsubmit: (event) => this._save(event) }, h("label", { for: "template-name" }, "Save as"), this._name, this._submit),
      this._problem);
    recall("templates").then((document) => {
      this._all = usableTemplates(document);
      this._submit.disabled = false;
      this._draw();
    });
  }

  _save(event) {
    event.preventDefault();
    const name = this._name.value.trim();
    if (!name) return;
    const all = withTemplate(this._all, { name, indicators: selection.chosen, predictions: selection.predictions });
    text(this._problem, all ? "" : `There are ${MOST} templates; remove one first.`);
    if (!all) return;
    this._name.value = "";
    this._keep(all);
  }

  _keep(all) {
    this._all = all;
    keep("templates", all.length ? { templates: all } : {});
    this._draw();
  }

  _take({ indicators, predictions }) {
    selection.replace(indicators, predictions);
    this._changed();
  }

  _draw() {
    fill(this._list, this._all.map((template) => h("li", {},
      h("button", { type: "button", class: "link", title: template.indicators.map(({ spec }) => spec).join(", "), onclick: () => this._take(template) }, template.name),
      h("button", { type: "button", class: "icon", "aria-label": `Remove the template ${template.name}`, onclick: () => this._keep(this._all.filter((other) => other !== template)) }, "×"))));
  }
}
