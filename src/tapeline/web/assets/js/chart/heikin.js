// Heikin-Ashi candles: each opens in the middle of the one before it, and closes at the mean of its bar's four prices.

// Returns { o, h, l, c } of these columns. `kept` is an earlier result that is still right before index `from`.
export function heikinAshi({ o, h, l, c }, kept = { o: [], h: [], l: [], c: [] }, from = 0) {
  for (let i = from; i < c.length; i++) {
    kept.c[i] = (o[i] + h[i] + l[i] + c[i]) / 4;
    kept.o[i] = i ? (kept.o[i - 1] + kept.c[i - 1]) / 2 : (o[i] + c[i]) / 2;
    kept.h[i] = Math.max(h[i], kept.o[i], kept.c[i]);
    kept.l[i] = Math.min(l[i], kept.o[i], kept.c[i]);
  }
  for (const column of Object.values(kept)) column.length = c.length;
  return kept;
}
