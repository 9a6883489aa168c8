// Asks for what the page shows first before anything else is loaded: the bars and the session at once, and the rest once they are seen.
import "./theme.js";
import { PAGE_BARS, barsPath, get, outcome, readSession } from "./api.js";
import { firstCandles, noCandles } from "./firstcandles.js";
import { remembered } from "./prefs.js";
import { shownIndicators } from "./chart/selection.js";
import { readRoute } from "./route.js";

const route = readRoute();
const interval = route.interval ?? remembered("interval", "1m");
const symbol = route.symbol ?? remembered("symbol", null);
const asked = symbol !== null && route.tab === "chart";
if (!asked) noCandles();

export const first = {
  symbol, interval,
  bars: asked ? outcome(get(barsPath(symbol, { interval, limit: PAGE_BARS, indicators: shownIndicators() }))) : null,
  session: outcome(readSession()), // changes wait for it
  quotes: outcome(firstCandles.then(() => get("/symbols"))),
  catalogue: outcome(firstCandles.then(() => get("/indicators"))),
};
