// How a chart's bars are asked for, and asked for again where the server refuses.
import { PAGE_BARS, barsPath, get, outcome } from "../api.js";
import { drop, shownIndicators } from "./selection.js";

// `question` may name `interval`, `limit`, `before` and `indicators`.
export function askBars(symbol, question) {
  return outcome(get(barsPath(symbol, { limit: PAGE_BARS, indicators: shownIndicators(), ...question })));
}

// The interval asked for, of a symbol with daily bars only: a day in place of a shorter one.
export const fitting = (interval, daily) => (daily && !/(d|w|mo)$/.test(interval) ? "1d" : interval);

// Whether the server knows no such bars, as opposed to having failed.
export const unknown = (error) => [404, 422].includes(error?.status);

// Asks again after a refusal: at the symbol's own interval, as its bars may be longer than those asked for, and without
// remembered indicators that the server does not know, which are dropped for good.
export async function askAgain(symbol) {
  const answer = await askBars(symbol, {});
  if (!unknown(answer.error) || (await askBars(symbol, { limit: 1, indicators: [] })).error) return answer;
  const specs = shownIndicators();
  const answers = await Promise.all(specs.map((spec) => askBars(symbol, { limit: 1, indicators: [spec] })));
  drop(...specs.filter((_, i) => unknown(answers[i].error)));
  return askBars(symbol, {});
}
