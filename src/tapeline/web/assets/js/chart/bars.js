// The bars of one chart as columns, and the keys by which the drawing library knows them.
//
// The library takes seconds and labels them as UTC. A key is therefore the exchange's local time read as if it were UTC,
// made strictly ascending: in the hour that an autumn night repeats, each key is one second after the one before.
import { clockOf } from "../format.js";

const DAY = 86_400_000;
const MAX_BARS = 20_000;
const TAIL_BARS = 40; // a stream of events begins with this many; when none of them is known, some between are missing

export class Bars {
  constructor({ symbol, interval, columns, decimals, daily, zone, outputs, next }) {
    this.symbol = symbol;
    this.interval = interval;
    this.columns = columns;
    this.t = columns.t;
    this.decimals = decimals;
    this.daily = daily;
    this.outputs = outputs;
    this.older = next; // the `before` to ask for older bars with; null: there are none
    this.clock = clockOf(zone, daily);
    this._local = clockOf(zone);
    this.keys = [];
    this._put = new Set(); // names of columns that no answer has
    this._addKeys(0);
  }

  get length() {
    return this.t.length;
  }

  column(name) {
    return this.columns[name];
  }

  // Adds a column that the server's answers about these bars do not have.
  put(name, values) {
    this._put.add(name);
    this.columns[name] = values;
  }

  // The index of the bar with this key, -1 if there is none.
  at(key) {
    const i = lowerBound(this.keys, key);
    return this.keys[i] === key ? i : -1;
  }

  // The index of the bar that contains a time, or of the last one before it; before the first bar and after the newest a place
  // as far beyond them. A time is an instant or, with `dated`, a date as its UTC midnight, as daily bars have it. A daily bar
  // contains the instants of its date at the exchange, and a date begins with its first bar.
  position(time, dated = this.daily) {
    if (this.daily && !dated) return this.position(Math.floor(this._local.wall(time) / DAY) * DAY, true);
    const start = dated && !this.daily ? this._local.time(time) : time;
    const first = lowerBound(this.t, start);
    if (dated && !this.daily && this.t[first] < start + DAY) return first;
    const i = this.around(start);
    return start < this.t[0] || i === this.length - 1 ? i + Math.floor((start - this.t[i]) / this._step()) : i;
  }

  // The point at an index, which may lie before the first bar or after the newest, and a price: { t, p, date }, where `date`
  // says that the time is a date.
  pointAt(i, p) {
    const inside = Math.min(Math.max(i, 0), this.length - 1);
    return { t: this.t[inside] + (i - inside) * this._step(), p, date: this.daily };
  }

  // The usual time between two bars, ms.
  _step() {
    const gaps = this.t.slice(-20).map((time, i, all) => (i ? time - all[i - 1] : Infinity));
    return this.length > 1 ? Math.min(...gaps) : 60_000;
  }

  // The lowest low and the highest high between two indices, null where no bar is there.
  span(from, to) {
    const { h, l } = this.columns;
    let [low, high] = [Infinity, -Infinity];
    for (let i = Math.max(0, from); i <= Math.min(to, this.length - 1); i++) {
      low = Math.min(low, l[i]);
      high = Math.max(high, h[i]);
    }
    return low <= high ? { low, high } : null;
  }

  // The index of the last bar that opened by this time, of the first one where all opened later.
  around(time) {
    return Math.max(0, lowerBound(this.t, time + 1) - 1);
  }

  // Puts older bars in front; those of them that are here already are left out.
  prepend({ columns, next }) {
    const end = lowerBound(columns.t, this.t[0]);
    for (const [name, kept] of Object.entries(this.columns)) this.columns[name] = values(columns, name).slice(0, end).concat(kept);
    this.t = this.columns.t;
    this.older = end && this.length < MAX_BARS ? next : null;
    this._addKeys(0);
  }

  // Replaces the bars in the time that these span, and appends newer ones. Bars after all of them stay, as a message may
  // be older than the last answer. Returns the index of the first changed bar, null where bars between are missing.
  merge(columns) {
    const count = columns.t.length;
    const from = lowerBound(this.t, columns.t[0]);
    if (from === this.length && from && count >= TAIL_BARS) return null;
    const after = lowerBound(this.t, columns.t[count - 1] + 1);
    const known = new Map(this.t.slice(from, after).map((time, k) => [time, from + k]));
    for (const [name, kept] of Object.entries(this.columns)) {
      const own = this._put.has(name) ? columns.t.map((time) => kept[known.get(time)] ?? null) : values(columns, name);
      const newer = kept.slice(after);
      kept.length = from;
      kept.push(...own, ...newer);
    }
    this._addKeys(from);
    return from;
  }

  // Leaves the first `count` bars.
  cut(count) {
    for (const column of Object.values(this.columns)) column.length = count;
    this.keys.length = count;
  }

  // Whether the columns of a study are here.
  has(study) {
    return Boolean(study) && study.columns.every(({ name }) => name in this.columns);
  }

  _addKeys(from) {
    this.keys.length = from;
    for (let i = from; i < this.length; i++) {
      const key = Math.floor(this.clock.wall(this.t[i]) / 1000);
      this.keys.push(i && key <= this.keys[i - 1] ? this.keys[i - 1] + 1 : key);
    }
  }
}

// A column of an answer; nulls for one that it lacks, such as an indicator that was removed from the chart meanwhile.
function values(columns, name) {
  return columns[name] ?? Array(columns.t.length).fill(null);
}

// The index of the first value in an ascending array that is not below this one.
function lowerBound(sorted, value) {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (sorted[middle] < value) low = middle + 1;
    else high = middle;
  }
  return low;
}
