// The address: #chart/AAPL/5m, #chart/AAPL/5m+MSFT/1h for two charts, #model, #alerts, #health, #screener.

export const TABS = ["chart", "model", "alerts", "health", "screener"];
const INTERVAL = /^\d+(ms|s|m|h|d|w|mo)$/;

// `symbol` and `interval` are null where the address names none; `others` are the further charts.
export function readRoute(hash = location.hash) {
  const [first, ...rest] = hash.slice(1).split("+");
  const [tab, ...chart] = first.split("/");
  const others = rest.map((text) => readChart(text.split("/"))).filter(({ symbol, interval }) => symbol !== null && interval !== null);
  return { tab: TABS.includes(tab) ? tab : "chart", ...readChart(chart), others: others.length === 1 || others.length === 3 ? others : [] };
}

function readChart([symbol, interval]) {
  let decoded = null;
  try {
    decoded = symbol ? decodeURIComponent(symbol) : null;
  } catch {
    // a mistyped address counts as none
  }
  return { symbol: decoded, interval: INTERVAL.test(interval ?? "") ? interval : null };
}

export function chartHash(symbol, interval, others = []) {
  if (!symbol) return "#chart";
  return `#chart/${[{ symbol, interval }, ...others].map((chart) => `${encodeURIComponent(chart.symbol)}/${chart.interval}`).join("+")}`;
}
