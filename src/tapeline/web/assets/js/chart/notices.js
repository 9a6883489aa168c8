// What is said in place of the chart, and below it.
import { h } from "../dom.js";
import { estimate, integer, percent, price } from "../format.js";

// Title and text for a chart without bars; `detail` is the server's text of what is wrong.
export function stateText(state, symbol, detail) {
  return {
    loading: ["Loading …", ""],
    empty: ["No symbols yet", "Add one to the watch-list, or store some bars: tapeline replay FILE, or tapeline demo."],
    "no bars": ["No bars yet", `They appear here as soon as the first bars of ${symbol} are stored.`],
    unknown: ["Nothing to show", `${detail}.`],
    error: ["The bars cannot be shown", `${detail}. Trying again.`],
  }[state];
}

// How often the calls came true, with a confidence interval and what always calling the more frequent direction gives.
export function gradeText(grade) {
  if (!grade?.predicted) return "No predictions yet.";
  if (!grade.answered) return "No UP or DOWN call is decided yet.";
  return `${integer(grade.answered)} calls decided: ${estimate(grade.hit_rate, percent)} right; more frequent direction: ${percent(grade.base_rate)}.`;
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
