// Asks for what the page shows first before anything else is loaded: the bars and the session at once, then the quotes.
import "./theme.js";
import { PAGE_BARS, barsPath, get, outcome, readSession } from "./api.js";
import { remembered } from "./prefs.js";
import { shownIndicators } from "./chart/selection.js";
import { readRoute } from "./route.js";

const QUOTES_MS = 300; // how long the quotes wait for the bars, which are drawn before them

const route = readRoute();
const interval = route.interval ?? remembered("interval", "1m");
const symbol = route.symbol ?? remembered("symbol", null);

const bars = symbol === null ? null : outcome(get(barsPath(symbol, { interval, limit: PAGE_BARS, indicators: shownIndicators() })));
const pause = new Promise((done) => setTimeout(done, QUOTES_MS));

// The order matters: a browser has six connections to a server, and the server would make the bars and the quotes by turns.
export const first = {
  symbol, interval, bars,
  quotes: outcome(Promise.race([bars, pause]).then(() => get("/symbols"))),
  session: outcome(readSession()),
  catalogue: outcome(get("/indicators")),
};
