// Cards, lists of facts and tables: what the model, alerts and health tabs are made of.
import { fill, h } from "./dom.js";
import { absent } from "./format.js";

export function card(title, style, ...children) {
  return h("section", { class: `card ${style}` }, h("h2", {}, title), children);
}

// Names with values; a missing value shows as an en dash.
export function facts(pairs) {
  return h("dl", {}, Object.entries(pairs).map(([name, value]) => [h("dt", {}, name), h("dd", {}, value ?? "–")]));
}

// A table that scrolls in its own box. `rows` are tr elements.
export function table(headings, rows, style = "") {
  return h("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "Table" }, h("table", { class: style },
    h("thead", {}, h("tr", {}, headings.map((heading) => h("th", { scope: "col" }, heading)))), h("tbody", {}, rows)));
}

export const cell = (content) => h("td", {}, content);
export const rowHeading = (content) => h("th", { scope: "row" }, content);

// A value with its 95% confidence interval below it, where there is one.
export function estimateCell(estimate, show) {
  const range = absent(estimate?.low) ? null : h("small", {}, `${show(estimate.low)} to ${show(estimate.high)}`);
  return h("td", { class: "estimate" }, show(estimate?.value), range);
}

export const nothing = (text) => h("p", { class: "none" }, text);
export const problem = (text) => h("p", { class: "verdict bad" }, text);

// Says that a tab is loading, unless it shows something already.
export function showLoading(root) {
  if (!root.childElementCount) fill(root, nothing("Loading …"));
}
