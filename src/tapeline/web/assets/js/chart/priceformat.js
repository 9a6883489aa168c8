// How the library writes prices: at the scale, and at the crosshair.
import { price, signedPercent } from "../format.js";

// With a base, prices are written as moves since it.
export function priceFormat(decimals, base) {
  const minMove = 10 ** -decimals;
  const move = (value) => signedPercent(value / base - 1);
  if (base) return { type: "custom", minMove, formatter: move, tickmarksFormatter: (marks) => marks.map(move) };
  return {
    type: "custom", minMove, formatter: (value) => price(value, decimals),
    tickmarksFormatter: (marks) => marks.map((value) => price(value, marks.every((mark) => onGrid(mark, decimals)) ? decimals : decimals + 1)),
  };
}

// Whether a price needs no more than these decimals: the marks of the library's scale may be 2.5 units apart.
function onGrid(value, decimals) {
  const steps = value * 10 ** decimals;
  return Math.abs(steps - Math.round(steps)) < 1e-3;
}
