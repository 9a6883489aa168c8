// What daily bars say of an instrument: its ranges, its returns by period, its volume and its volatility.
const DAY_MS = 86_400_000;
const WINDOW = 20; // days of a volatility or a mean volume
const YEAR_BARS = 252;

const PERIODS = [["1 day", 1], ["1 week", 7], ["1 month", 30], ["3 months", 91], ["6 months", 182], ["1 year", 365]];

// Returns { day, year, returns, volume, volatility } of daily columns in the order of time; null of none. A range is
// { low, high, at }, `at` the share of the way from low to high at which the last close stands, that of a year also `since`:
// when the bars begin, where that is later. A return is [name, share], null where the bars begin later.
export function figuresOf({ t, h, l, c, v }) {
  const last = t.length - 1;
  if (last < 0) return null;
  const since = (time) => Math.max(0, t.findIndex((each) => each > time));
  const range = (from) => {
    const [low, high] = [Math.min(...l.slice(from)), Math.max(...h.slice(from))];
    return { low, high, at: high > low ? (c[last] - low) / (high - low) : 0.5 };
  };
  const before = (time) => t.findLastIndex((each) => each <= time);
  const move = (i) => (i < 0 ? null : c[last] / c[i] - 1);
  const newYear = Date.UTC(new Date(t[last]).getUTCFullYear(), 0, 1);
  const returns = PERIODS.map(([name, days]) => [name, move(days === 1 ? last - 1 : before(t[last] - days * DAY_MS))]);
  return {
    day: range(last), year: { ...range(since(t[last] - 365 * DAY_MS)), since: t[0] > t[last] - 364 * DAY_MS ? t[0] : null },
    returns: [...returns, ["since 1 January", move(before(newYear - 1))]],
    volume: { last: v[last], mean: last < WINDOW ? null : mean(v.slice(last - WINDOW, last)) },
    volatility: volatilityOf(c),
  };
}

// The volatility of the last days as a share a year, and the share of the days before on which it was lower; null of too
// few bars.
export function volatilityOf(closes) {
  const moves = closes.slice(1).map((close, i) => Math.log(close / closes[i]));
  if (moves.length < WINDOW) return null;
  const all = [];
  for (let end = Math.max(WINDOW, moves.length - YEAR_BARS); end <= moves.length; end++) all.push(deviation(moves.slice(end - WINDOW, end)) * Math.sqrt(YEAR_BARS));
  const now = all.pop();
  return { now, rank: all.length < WINDOW ? null : all.filter((each) => each < now).length / all.length };
}

const mean = (values) => (values.length ? values.reduce((sum, value) => sum + value, 0) / values.length : null);

function deviation(values) {
  const middle = mean(values);
  return Math.sqrt(values.reduce((sum, value) => sum + (value - middle) ** 2, 0) / (values.length - 1));
}
