// The dialog that chooses indicators, their numbers and how they look.
import { dialog, fill, h } from "../dom.js";
import { labelOf, specOf } from "./catalogue.js";
import { styleFields } from "./linestyle.js";
import * as selection from "./selection.js";
import { Templates } from "./templates.js";

const GROUPS = {
  overlap: "Averages and bands", momentum: "Momentum", volatility: "Volatility", volume: "Volume", levels: "Levels",
  pattern: "Candle patterns",
};

// Opens the dialog; with a spec, at its numbers. `changed()` is called after the selection changed and resolves once the
// chart shows it; `drawn(spec)` gives the study that the chart draws, undefined where it draws none.
export function openPicker(catalogue, changed, drawn, spec = null) {
  const filter = h("input", {
    type: "search", placeholder: "Search, for example RSI or bands", "aria-label": "Search indicators", oninput: () => list(),
    onkeydown: (event) => event.key === "Enter" && groups.querySelector("button")?.click(),
  });
  const active = h("section", { class: "picked", "aria-label": "On the chart" });
  const groups = h("div", { class: "groups" });
  const form = h("div", { class: "parameters", "aria-live": "polite" });
  const templates = new Templates(done);
  const box = dialog("Indicators", h("div", { class: "picker" }, h("div", {}, filter, groups), h("div", {}, form, templates.root, active)));

  async function done() {
    listActive();
    await changed(); // only then is it known which numbers a new spec has
    listActive();
  }

  function list() {
    const wanted = filter.value.trim().toLowerCase();
    const found = catalogue.indicators.filter(({ name, title, group }) => `${name} ${title} ${GROUPS[group]}`.toLowerCase().includes(wanted));
    fill(groups, [...new Set(found.map(({ group }) => group))].map((group) => h("section", {},
      h("h3", {}, GROUPS[group] ?? group, group === "pattern" && h("button", { type: "button", "aria-label": "Add all candle patterns", onclick: () => { for (const { spec: all } of found.filter((each) => each.group === "pattern")) selection.put(all); done(); } }, "All")),
      found.filter((indicator) => indicator.group === group).map((indicator) => h("button", { type: "button", title: indicator.formula, onclick: () => edit(indicator) },
        h("b", {}, group === "pattern" ? indicator.title : labelOf(indicator.name)), h("span", {}, group === "pattern" ? indicator.formula : indicator.title))))),
    found.length === 0 && h("p", { class: "none" }, "No indicator matches the search."));
  }

  // Shows the form for an indicator's numbers; `instead` is the spec that it changes, if any.
  function edit(indicator, numbers = indicator.parameters.map((parameter) => parameter.default), instead = null) {
    const inputs = indicator.parameters.map(({ low, high, whole }, i) => h("input", {
      type: "number", value: numbers[i], min: low, max: high, step: whole ? 1 : "any", required: true, id: `parameter-${i}`,
    }));
    const study = instead && drawn(instead);
    const look = study && styleFields(study, selection.chosen.find((entry) => entry.spec === instead)?.style);

    function submit(event) {
      event.preventDefault();
      const chosen = specOf(indicator, inputs.map((input) => input.valueAsNumber));
      selection.put(chosen, instead);
      if (look) selection.restyle(chosen, look.read());
      fill(form);
      done();
      if (instead) box.close();
    }

    fill(form, h("form", { onsubmit: submit },
      h("h3", {}, indicator.title),
      indicator.parameters.map(({ name, low, high }, i) => h("div", { class: "field" },
        h("label", { for: inputs[i].id }, name.replaceAll("_", " ")), inputs[i], h("small", {}, `${low} to ${high}`))),
      look?.root, h("p", { class: "formula" }, indicator.formula),
      h("button", { type: "submit", class: "primary" }, instead ? "Change" : "Add to the chart")));
    (inputs[0] ?? form.querySelector("button")).focus();
    inputs[0]?.select();
  }

  function listActive() {
    const lines = selection.shownIndicators().map((shown) => {
      const study = catalogue.read(shown);
      const label = study?.label ?? labelOf(shown);
      return h("li", {},
        h("span", {}, label),
        (study?.numbers.length > 0 || study?.columns.some((column) => column.drawn)) &&
          h("button", { type: "button", "aria-label": `Change ${label}`, onclick: () => edit(study.indicator, study.numbers, shown) }, "Change"),
        h("button", { type: "button", "aria-label": `Remove ${label}`, onclick: () => { selection.drop(shown); done(); } }, "Remove"));
    });
    const calls = h("input", {
      type: "checkbox", id: "calls", checked: selection.predictions,
      onchange: (event) => { selection.showPredictions(event.target.checked); done(); },
    });
    fill(active, h("h3", {}, "On the chart"), lines.length ? h("ul", {}, lines) : h("p", { class: "none" }, "None yet."),
      h("div", { class: "check" }, calls, h("label", { for: "calls" }, "The model's calls and P(UP)")));
  }

  list();
  listActive();
  const study = spec && catalogue.read(spec);
  if (study) edit(study.indicator, study.numbers, spec);
  else filter.focus();
}
