// The list of indicators, and the numbers of one.
import { dialog, fill, h } from "../dom.js";
import { labelOf, specOf } from "./catalogue.js";
import * as selection from "./chosen.js";

const GROUPS = {
  overlap: "Averages and bands", momentum: "Momentum", volatility: "Volatility", volume: "Volume", levels: "Levels",
  pattern: "Candle patterns",
};

// Opens the list. `changed` is called when the choice did. `spec` begins with changing that one.
export function openPicker(catalogue, changed, spec = null) {
  const filter = h("input", {
    type: "search", placeholder: "Search, such as RSI or bands", "aria-label": "Search indicators", oninput: () => list(),
    onkeydown: (event) => {
      if (event.key === "Enter") groups.querySelector("button")?.click();
    },
  });
  const active = h("section", { class: "picked", "aria-label": "On the chart" });
  const groups = h("div", { class: "groups" });
  const form = h("div", { class: "parameters", "aria-live": "polite" });
  const box = dialog("Indicators", h("div", { class: "picker" }, h("div", {}, filter, groups), h("div", {}, form, active)));

  const done = () => {
    changed();
    chosen();
  };

  function list() {
    const wanted = filter.value.trim().toLowerCase();
    const found = catalogue.all.filter((one) => `${one.name} ${one.title}`.toLowerCase().includes(wanted));
    const byGroup = Map.groupBy ? Map.groupBy(found, (one) => one.group) : grouped(found);
    fill(groups, [...byGroup].map(([group, members]) => h("section", {},
      h("h3", {}, GROUPS[group] ?? group),
      members.map((one) => h("button", { type: "button", title: one.formula, onclick: () => edit(one) },
        h("b", {}, labelOf(one.name)), h("span", {}, one.title))))),
    found.length ? null : h("p", { class: "none" }, "No indicator has that in its name."));
  }

  function edit(indicator, numbers = indicator.parameters.map((p) => p.default), instead = null) {
    const inputs = indicator.parameters.map((p, i) => h("input", {
      type: "number", value: numbers[i], min: p.low, max: p.high, step: p.whole ? 1 : "any", required: true, id: `parameter-${i}`,
    }));
    fill(form, h("form", {
      onsubmit: (event) => {
        event.preventDefault();
        selection.put(specOf(indicator, inputs.map((input) => input.valueAsNumber)), instead);
        fill(form);
        done();
        if (instead) box.close();
      },
    },
    h("h3", {}, indicator.title),
    inputs.map((input, i) => h("div", { class: "field" },
      h("label", { for: input.id }, indicator.parameters[i].name.replaceAll("_", " ")), input,
      h("small", {}, `${indicator.parameters[i].low} to ${indicator.parameters[i].high}`))),
    h("p", { class: "formula" }, indicator.formula),
    h("button", { type: "submit", class: "primary" }, instead ? "Change" : "Add to the chart")));
    (inputs[0] ?? form.querySelector("button")).focus();
    inputs[0]?.select();
  }

  function chosen() {
    const lines = selection.chosen.map(({ spec: one }) => {
      const read = catalogue.read(one);
      return h("li", {},
        h("span", {}, labelOf(one), read ? null : " (not in the catalogue)"),
        read?.numbers.length
          ? h("button", { type: "button", "aria-label": `Change ${labelOf(one)}`, onclick: () => edit(read.indicator, read.numbers, one) }, "Change")
          : null,
        h("button", { type: "button", "aria-label": `Remove ${labelOf(one)}`, onclick: () => { selection.drop(one); done(); } }, "Remove"));
    });
    const calls = h("input", {
      type: "checkbox", id: "calls", checked: selection.predictions,
      onchange: (event) => { selection.showPredictions(event.target.checked); done(); },
    });
    fill(active, h("h3", {}, "On the chart"), lines.length ? h("ul", {}, lines) : h("p", { class: "none" }, "None yet."),
      h("div", { class: "check" }, calls, h("label", { for: "calls" }, "The model's calls and P(UP)")));
  }

  list();
  chosen();
  const read = spec && catalogue.read(spec);
  if (read) edit(read.indicator, read.numbers, spec);
  else filter.focus();
}

function grouped(list) {
  const found = new Map();
  for (const one of list) found.set(one.group, [...(found.get(one.group) ?? []), one]);
  return found;
}
