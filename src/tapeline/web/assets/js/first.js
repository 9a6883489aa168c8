// Asks for what the page shows first before anything else is loaded: quotes, bars and the session, all at once.
import "./theme.js";
import { PAGE_BARS, barsPath, get, readSession } from "./api.js";
import { remembered } from "./prefs.js";
import { shownIndicators } from "./chart/chosen.js";
import { readRoute } from "./route.js";

const route = readRoute();
const interval = route.interval ?? remembered("interval", "1m");
const symbol = route.symbol ?? remembered("symbol", null);
const indicators = shownIndicators();

const answer = (promise) => promise.then((value) => ({ value }), (error) => ({ error })); // nothing is left unhandled

// In this order they are sent: a browser has six connections to a server, and bars take longest.
export const first = {
  symbol, interval, indicators,
  bars: symbol === null ? null : answer(get(barsPath(symbol, { interval, limit: PAGE_BARS, indicators }))),
  quotes: answer(get("/symbols")),
  session: answer(readSession()),
  catalogue: answer(get("/indicators")),
};
