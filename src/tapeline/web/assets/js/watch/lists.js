// A user's own watch-lists: symbols in an order of their own, under the names of groups. A line of a list is a symbol or,
// after "# ", a group.
const MOST_LISTS = 50;
const MOST_LINES = 1000;

// The lists of a kept document that make sense: { lists: [{ name, lines }], chosen, columns }.
export function usableLists(document) {
  const isText = (text) => typeof text === "string";
  const kept = Array.isArray(document?.lists) ? document.lists : [];
  const lists = kept.filter((list) => isText(list?.name) && list.name && Array.isArray(list.lines)).slice(0, MOST_LISTS)
    .map(({ name, lines }) => ({ name, lines: lines.filter(isText).slice(0, MOST_LINES) }));
  return { lists, chosen: lists.some(({ name }) => name === document.chosen) ? document.chosen : null, columns: isText(document?.columns) ? document.columns : "" };
}

// The lines of a list as it is typed: symbols, also several a line, and groups. A symbol stands once.
export function linesOf(typed) {
  const lines = typed.split("\n").flatMap((line) => (line.trim().startsWith("#") ? [`# ${line.replace(/^\s*#+\s*/, "").trim()}`] : line.toUpperCase().split(/[\s,;]+/)));
  return [...new Set(lines.filter((line) => line && line !== "# "))].slice(0, MOST_LINES);
}

export const groupOf = (line) => (line.startsWith("# ") ? line.slice(2) : null);

// The lines with a symbol moved before another line; null: to the end.
export function movedBefore(lines, symbol, other) {
  if (symbol === other) return lines;
  const rest = lines.filter((line) => line !== symbol);
  const at = other === null ? rest.length : rest.indexOf(other);
  return [...rest.slice(0, at), symbol, ...rest.slice(at)];
}

// The lines with a symbol moved by one line, up (-1) or down (1).
export function movedBy(lines, symbol, by) {
  const at = lines.indexOf(symbol);
  const to = at + by;
  if (at < 0 || to < 0 || to >= lines.length) return lines;
  const moved = [...lines];
  [moved[at], moved[to]] = [moved[to], moved[at]];
  return moved;
}
