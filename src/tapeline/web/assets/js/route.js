// The address: #chart/AAPL/5m, #model, #alerts, #health.

export const TABS = ["chart", "model", "alerts", "health"];
const INTERVAL = /^\d+[smhd]$/;

export function readRoute() {
  const [tab, symbol, interval] = location.hash.slice(1).split("/");
  let decoded = null;
  try {
    decoded = symbol ? decodeURIComponent(symbol) : null;
  } catch {
    // a mistyped address: as if there were none
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
