// What is said in place of the chart, and below it.
import { fill, h } from "../dom.js";
import { barsLength, estimate, integer, percent, price } from "../format.js";

// Says this in place of a chart without bars; null hides the notice. `detail` is the server's text of what is wrong.
export function showState(element, state, symbol, detail) {
  element.hidden = state === null;
  if (state === null) return;
  const [title, says] = {
    loading: ["Loading …", ""],
    empty: ["No symbols yet", "They appear here with their first bars, which tapeline run --symbols TSLA, tapeline replay FILE or tapeline demo brings."],
    "no bars": ["No bars yet", `They appear here as soon as the first bars of ${symbol} are stored.`],
    unknown: ["Nothing to show", `${detail}.`],
    error: ["The bars cannot be shown", `${detail}. Trying again.`],
  }[state];
  fill(element, h("b", {}, title), says && h("span", {}, says));
}

// How often the calls came true, with a confidence interval and what always calling the more frequent direction gives.
// Of how many bars is said: `per_symbol` is the most that are graded.
export function gradeText({ grades: [grade], rows, per_symbol: most }) {
  if (!grade?.predicted) return "No predictions yet.";
  const those = rows < most ? `all ${integer(rows)} bars` : `the newest ${integer(rows)} bars`;
  if (!grade.called) return `No UP or DOWN call among ${those.replace(/^all /, "")}.`;
  if (!grade.answered) return `No UP or DOWN call of ${those} is decided yet.`;
  return `${integer(grade.answered)} calls decided in ${those}: ${estimate(grade.hit_rate, percent)} right; more frequent direction: ${percent(grade.base_rate)}.`;
}

// What a call means, in words; null where that is not known. With the `interval` of its bars it is said as a time.
export function meaningText(horizon, interval = null) {
  if (!horizon) return null;
  return `UP, DOWN: the close ${barsLength(horizon, interval)} on is higher, lower; HOLD: no call.`;
}

// What is expected in words, and how often the 80% band of 5 bars held among the newest rows.
export function forecastText(forecast) {
  if (!forecast?.words) return "";
  const band = forecast.bands?.find(({ horizon }) => horizon === 5);
  return band?.decided ? `${forecast.words} 80% band: held ${percent(band.held[80] / band.decided)} of ${integer(band.decided)}.` : forecast.words;
}

// The odds of a price, such as "277.50 in 5 bars: touched 31.2%, close above 14.0%".
export function oddsText({ price: value, within, touched, beyond, close }, decimals) {
  const side = value < close ? "below" : "above";
  return `${price(value, decimals)} in ${within} bar${within === 1 ? "" : "s"}: touched ${percent(touched)}, close ${side} ${percent(beyond)}`;
}

// What the trail of past ranges shows, and how often its band held in what is loaded.
export function rangesText({ decided, held }) {
  const share = decided ? `: held ${percent(held / decided)} of ${integer(decided)} here` : "";
  return [h("i", { class: "band" }), `80% band of 5 bars before${share} `, h("i", { class: "ring" }), "left it"];
}
