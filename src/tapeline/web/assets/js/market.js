// The state of a market in words, and how old its quotes are.
import { clockOf, duration } from "./format.js";

const STALE_MS = 240_000; // a minute's bar is replaced after one minute; three more are a fault
const DAY_MS = 86_400_000;
const DATED_MS = 2 * DAY_MS; // older quotes show when they were, rather than how long ago
const WEEK_MS = 6 * DAY_MS; // a weekday names one day within this time

export const PHASES = { open: "Open", pre: "Pre-market", post: "After hours", closed: "Closed", continuous: "Open 24 hours" };

// Whether a market trades in regular hours now.
export const isOpen = (market) => ["open", "continuous"].includes(market?.phase);

// When the market next changes for those who trade in regular hours, UTC epoch ms; null where it never does.
export function nextChange(market) {
  return market.phase === "open" ? market.next : market.opens ?? market.next;
}

// Closed · opens Mon 09:30 EST
export function marketText(market) {
  const label = PHASES[market.phase];
  const next = nextChange(market);
  if (!next) return label;
  const clock = clockOf(market.zone);
  const verb = market.phase === "open" ? "closes" : market.opens ? "opens" : "until";
  return `${label} · ${verb} ${clock.short(next)} ${clock.zoneName(next)}`;
}

// The time that ages count against: now, in a replay that of the newest bar of all.
export function timeOf(quotes, replaying) {
  if (!replaying) return Date.now();
  return newestOf(quotes)?.timestamp ?? 0;
}

// The quote of the newest bar of all; undefined where there is none.
export function newestOf(quotes) {
  let newest;
  for (const quote of quotes.values()) if (!(quote.timestamp <= newest?.timestamp)) newest = quote;
  return newest;
}

// How old a quote is, and whether it should be newer. `now` is UTC epoch ms: in a replay, the replay's own time.
export function freshness({ timestamp, daily, market }, now) {
  const { phase = "open", zone = "UTC" } = market ?? {};
  const clock = clockOf(zone, daily);
  const date = () => (now - timestamp > WEEK_MS ? clock.date(timestamp) : clock.short(timestamp));
  if (daily || !isOpen({ phase })) return { age: date(), stale: false };
  const passed = Math.max(0, now - timestamp);
  return { age: passed < 1000 ? "now" : passed < DATED_MS ? duration(passed) : date(), stale: passed > STALE_MS };
}
