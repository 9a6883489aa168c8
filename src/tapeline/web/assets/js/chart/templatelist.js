// A user's templates as they are kept: named sets of indicators.
import * as selection from "./selection.js";

export const MOST = 30;

// Those of a kept document that make sense: [{ name, indicators, predictions }].
export function usableTemplates(document) {
  const kept = Array.isArray(document?.templates) ? document.templates : [];
  return kept.map((template) => ({ name: template?.name, indicators: selection.usable(template?.indicators), predictions: template?.predictions === true }))
    .filter(({ name, indicators }) => typeof name === "string" && name && indicators).slice(0, MOST);
}

// The templates with this one, in place of the one of its name; null where there are too many.
export function withTemplate(templates, added) {
  const others = templates.filter(({ name }) => name !== added.name);
  return others.length < MOST ? [...others, added].toSorted((a, b) => (a.name < b.name ? -1 : 1)) : null;
}
