// In which order the watch-list's symbols stand.
import { absent } from "./format.js";

export const SORTS = {
  symbol: { label: "Symbol", key: (quote) => quote.symbol, first: 1 },
  change: { label: "Change", title: "change since the previous session's close", key: (quote) => quote.change, first: -1 },
  move: { label: "Move", key: (quote) => quote.move, first: -1 },
  age: { label: "Newest", key: (quote) => quote.timestamp, first: -1 },
};

// Returns these quotes sorted; those without a value come last, equal ones by symbol. `way` is 1 or -1.
export function sorted(quotes, { by, way }) {
  const { key } = SORTS[by];
  return [...quotes].sort((first, second) => {
    const [left, right] = [key(first), key(second)];
    const order = absent(left) || absent(right) ? absent(left) - absent(right) : Math.sign((left > right) - (left < right)) * way;
    return order || (first.symbol < second.symbol ? -1 : 1);
  });
}
