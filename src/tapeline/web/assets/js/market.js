// The state of a market in words.
import { clockOf, duration } from "./format.js";

export const PHASES = { open: "Open", pre: "Pre-market", post: "After hours", closed: "Closed", continuous: "Open all day" };

// When the market next changes for those who trade in its regular hours, UTC epoch ms; null where it never does.
export function nextChange(market) {
  return market.phase === "open" ? market.next : market.opens ?? market.next;
}

// Closed · opens Mon 09:30 EST
export function marketText(market) {
  const says = PHASES[market.phase] ?? market.phase;
  const next = nextChange(market);
  if (!next) return says;
  const clock = clockOf(market.zone);
  const verb = market.phase === "open" ? "closes" : market.opens ? "opens" : "until";
  return `${says} · ${verb} ${clock.short(next)} ${clock.zoneName(next)}`;
}

// How old a quote is, and whether that is more than it should be. `now` is UTC epoch ms: in a replay, that of the replay.
export function freshness(quote, now) {
  if (quote.daily || !["open", "continuous", undefined].includes(quote.market?.phase)) {
    return { says: clockOf(quote.market?.zone ?? "UTC", quote.daily).short(quote.timestamp), stale: false };
  }
  const age = Math.max(0, now - quote.timestamp);
  return { says: age < 1000 ? "now" : age < 86_400_000 * 2 ? duration(age) : clockOf(quote.market?.zone ?? "UTC").short(quote.timestamp), stale: age > STALE_MS };
}

const STALE_MS = 240_000; // a minute's bar is replaced after one minute; three more are a fault
