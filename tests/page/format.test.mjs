import assert from "node:assert/strict";
import test from "node:test";

import {
  barLength, barsLength, bytes, clockOf, compact, duration, estimate, integer, money, percent, price, signed, signedPercent, trend,
} from "../../src/tapeline/web/assets/js/format.js";

test("a missing number is a dash, never 0", () => {
  for (const missing of [null, undefined, NaN]) {
    for (const show of [price, integer, signed, signedPercent, percent, compact, bytes, duration]) assert.equal(show(missing), "–");
    assert.equal(money(missing, 2, "USD"), "–");
    assert.equal(trend(missing), "flat");
  }
});

test("prices have the decimals of the instrument, a comma between thousands and a true minus", () => {
  assert.equal(price(1234567.891), "1,234,567.89");
  assert.equal(price(101, 0), "101");
  assert.deepEqual([price(1234.56789, 5), price(-999_999.9999, 4), price(1e6, 0)], ["1,234.56789", "−999,999.9999", "1,000,000"]);
  assert.equal(price(0.00001234, 8), "0.00001234");
  assert.equal(price(-3.5, 1), "\u22123.5");
  assert.equal(price(0), "0.00");
  assert.equal(integer(-1200.4), "\u22121,200");
});

test("money carries its currency, and none where that is not known", () => {
  assert.equal(money(1234.5, 2, "USD"), "$1,234.50");
  assert.equal(money(99.1, 1, "GBp"), "99.1 p");
  assert.equal(money(7, 0, "CHF"), "7 CHF");
  assert.equal(money(7, 0, null), "7");
  assert.equal(money(7, 0, ""), "7");
});

test("a change has a sign unless it rounds to zero", () => {
  assert.equal(signed(-1.5), "\u22121.50");
  assert.equal(signed(2, 1), "+2.0");
  assert.equal(signed(-0.001), "0.00");
  assert.equal(signed(0), "0.00");
  assert.equal(signed(-0), "0.00");
  assert.equal(signedPercent(0.0123), "+1.23%");
  assert.equal(signedPercent(-0.1), "\u221210.00%");
  assert.equal(signedPercent(0.00004), "0.00%");
});

test("the class of a change agrees with how it shows", () => {
  assert.equal(trend(0.00004), "flat");
  assert.equal(trend(-0.00004), "flat");
  assert.equal(trend(0.0001), "up");
  assert.equal(trend(-0.0001), "down");
});

test("an estimate shows its confidence interval where there is one", () => {
  assert.equal(percent(0.523), "52.3%");
  assert.equal(estimate({ value: 0.523, low: 0.5, high: 0.55 }, percent), "52.3% (50.0% to 55.0%)");
  assert.equal(estimate({ value: 0.523, low: null, high: null }, percent), "52.3%");
  assert.equal(estimate({ value: null, low: null, high: null }, percent), "–");
});

test("counts and sizes stay short", () => {
  assert.deepEqual([0, 950, 12_345, 4_560_000, 7.8e9, 5e12].map(compact), ["0", "950", "12.3K", "4.56M", "7.8B", "5T"]);
  assert.deepEqual([999.4, 999.6, 999_600, 0.25, -1234].map(compact), ["999", "1K", "1M", "0.25", "−1.23K"]);
  assert.deepEqual([0, 1023, 1024, 5 * 1024 ** 3, 2 * 1024 ** 5].map(bytes), ["0 B", "1,023 B", "1.0 KiB", "5.0 GiB", "2,048.0 TiB"]);
});

test("a duration is said in the unit that fits", () => {
  const texts = [0, 340, 1499, 12_000, 119_499, 120_000, 3_599_000, 3_600_000, 12_000_000, 36_060_000, 48 * 3_600_000, 4e8].map(duration);
  assert.deepEqual(texts, ["0 ms", "340 ms", "1 s", "12 s", "119 s", "2 min", "59 min", "1 h", "3 h 20 min", "10 h", "2 d", "4 d"]);
  assert.deepEqual([60_000, 900_000, 3_600_000, 86_400_000, 7 * 86_400_000, 5000].map(barLength), ["1 min", "15 min", "1 h", "1 d", "7 d", "5 s"]);
});

const WINTER = Date.UTC(2019, 1, 15, 20, 59, 30);
const SUMMER = Date.UTC(2026, 6, 1, 12);

test("bars ahead are said as a time", () => {
  const said = [[5, "1m"], [20, "15m"], [1, "1d"], [5, "1d"], [1, "1w"], [5, "1mo"], [1, null], [5, null]].map(([count, interval]) => barsLength(count, interval));
  assert.deepEqual(said, ["5 min", "5 h", "1 day", "5 days", "1 week", "5 months", "1 bar", "5 bars"]);
});

test("a time is that of the exchange and names its zone", () => {
  assert.equal(clockOf("America/New_York").full(WINTER), "Fri 15 Feb 2019 15:59 EST");
  assert.equal(clockOf("America/New_York").second(WINTER), "Fri 15 Feb 2019 15:59:30 EST");
  assert.equal(clockOf("America/New_York").short(WINTER), "Fri 15:59");
  assert.equal(clockOf("America/New_York").utc(WINTER), "Fri 15 Feb 2019 20:59:30 UTC");
  assert.equal(clockOf("Asia/Tokyo").full(WINTER), "Sat 16 Feb 2019 05:59 GMT+9");
  assert.equal(clockOf("America/New_York").full(null), "–");
  assert.equal(clockOf("America/New_York").utc(null), null);
});

test("zones are named in winter and summer, also where only one locale has a name", () => {
  const names = { "America/New_York": "EDT", "Europe/London": "BST", "Australia/Sydney": "AEST", UTC: "UTC" };
  for (const [zone, name] of Object.entries(names)) assert.equal(clockOf(zone).zoneName(SUMMER), name);
  assert.equal(clockOf("Europe/London").zoneName(WINTER), "GMT");
  assert.equal(clockOf("Australia/Sydney").zoneName(WINTER), "AEDT");
});

test("midnight is 00:00 and never 24:00", () => {
  assert.equal(clockOf("UTC").full(Date.UTC(2026, 0, 1)), "Thu 1 Jan 2026 00:00 UTC");
});

test("a daily bar shows its UTC date whatever the zone", () => {
  const midnight = Date.UTC(2026, 0, 1);
  assert.equal(clockOf("America/New_York", true).full(midnight), "Thu 1 Jan 2026");
  assert.equal(clockOf("America/New_York", true).short(midnight), "1 Jan 2026");
  assert.equal(clockOf("America/New_York", true).wall(midnight), midnight);
});

test("local time follows the zone's offset, also by half and quarter hours", () => {
  assert.equal(clockOf("America/New_York").wall(WINTER), WINTER - 5 * 3_600_000);
  assert.equal(clockOf("Asia/Kolkata").wall(WINTER), WINTER + 5.5 * 3_600_000);
  assert.equal(clockOf("Asia/Kathmandu").wall(WINTER), WINTER + 5.75 * 3_600_000);
  const before = Date.UTC(2026, 2, 8, 6, 59); // clocks go forward at 07:00 UTC
  assert.equal(clockOf("America/New_York").wall(before + 60_000) - clockOf("America/New_York").wall(before), 3_660_000);
});
