import assert from "node:assert/strict";
import test from "node:test";

import { TABS, chartHash, readRoute } from "../../src/tapeline/web/assets/js/route.js";

test("an address names a tab, and the chart's names symbol and interval", () => {
  for (const tab of TABS) assert.deepEqual(readRoute(`#${tab}`), { tab, symbol: null, interval: null, others: [] });
  assert.deepEqual(readRoute("#chart/AAPL/5m"), { tab: "chart", symbol: "AAPL", interval: "5m", others: [] });
  assert.deepEqual(readRoute("#chart/AAPL"), { tab: "chart", symbol: "AAPL", interval: null, others: [] });
});

test("an empty or mistyped address shows the chart", () => {
  const plain = { tab: "chart", symbol: null, interval: null, others: [] };
  for (const hash of ["", "#", "#nothing", "#chart/", "#chart//", "#chart/%E0%A4%A/", "#CHART"]) assert.deepEqual(readRoute(hash), plain, hash);
  for (const interval of ["5", "m", "5x", "-5m", "5m ", "1.5h"]) assert.equal(readRoute(`#chart/A/${interval}`).interval, null, interval);
});

test("every symbol comes back from its own address", () => {
  for (const symbol of ["7203.T", "BTC-USD", "EURUSD=X", "^GSPC", "BRK/B", "A B", "50%", "a#b", "ÄÖ", "<b>", "?q=1&r", "日経", ".", "A+B"]) {
    assert.deepEqual(readRoute(chartHash(symbol, "15m")), { tab: "chart", symbol, interval: "15m", others: [] }, symbol);
  }
  assert.equal(chartHash(null, "1m"), "#chart");
});

test("an address names one, two or four charts", () => {
  const others = [{ symbol: "A+B/C", interval: "1h" }, { symbol: "MSFT", interval: "1d" }, { symbol: "^GSPC", interval: "1w" }];
  const charts = (hash) => [readRoute(hash).symbol, ...readRoute(hash).others];
  assert.deepEqual(charts(chartHash("AAPL", "5m", others)), ["AAPL", ...others]);
  assert.deepEqual(charts(chartHash("AAPL", "5m", others.slice(1, 2))), ["AAPL", others[1]]);
  for (const hash of ["#chart/AAPL/5m+A/1h+B/1h", "#chart/AAPL/5m+A", "#chart/AAPL/5m+/1h+"]) assert.deepEqual(charts(hash), ["AAPL"], hash);
});
