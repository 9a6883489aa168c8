// Asks for what the page shows first before anything else is loaded: bars, quotes and the session, all at once.
import "./theme.js";
import { PAGE_BARS, barsPath, get, outcome, readSession } from "./api.js";
import { remembered } from "./prefs.js";
import { shownIndicators } from "./chart/selection.js";
import { readRoute } from "./route.js";

const route = readRoute();
const interval = route.interval ?? remembered("interval", "1m");
const symbol = route.symbol ?? remembered("symbol", null);

// The order matters: a browser has six connections to a server, and bars take longest.
export const first = {
  symbol, interval,
  bars: symbol === null ? null : outcome(get(barsPath(symbol, { interval, limit: PAGE_BARS, indicators: shownIndicators() }))),
  quotes: outcome(get("/symbols")),
  session: outcome(readSession()),
  catalogue: outcome(get("/indicators")),
};
