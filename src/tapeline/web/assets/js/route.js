// The address: #chart/AAPL/5m, #model, #alerts, #health.

export const TABS = ["chart", "model", "alerts", "health"];
const INTERVAL = /^\d+(ms|s|m|h|d|w|mo)$/;

// `symbol` and `interval` are null where the address names none.
export function readRoute(hash = location.hash) {
  const [tab, symbol, interval] = hash.slice(1).split("/");
  let decoded = null;
  try {
    decoded = symbol ? decodeURIComponent(symbol) : null;
  } catch {
    // a mistyped address counts as none
  }
  return {
    tab: TABS.includes(tab) ? tab : "chart",
    symbol: decoded,
    interval: INTERVAL.test(interval ?? "") ? interval : null,
  };
}

export function chartHash(symbol, interval) {
  return symbol ? `#chart/${encodeURIComponent(symbol)}/${interval}` : "#chart";
}
