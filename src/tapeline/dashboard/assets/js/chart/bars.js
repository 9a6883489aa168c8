// The bars of one chart as columns, and the keys by which the drawing library knows them.
//
// The library takes seconds and labels them as UTC. A key is therefore the exchange's wall clock read as if it were UTC,
// made strictly ascending: in the hour that an autumn night repeats, keys go on by a second.
import { clockOf } from "../format.js";

const MAX_BARS = 20_000;

export class Bars {
  constructor(answer) {
    this.symbol = answer.symbol;
    this.interval = answer.interval;
    this.columns = answer.columns;
    this.t = answer.columns.t ?? [];
    this.decimals = answer.decimals ?? 2;
    this.daily = Boolean(answer.daily);
    this.zone = answer.zone ?? "UTC";
    this.older = answer.next ?? null; // what to ask `before` for older bars; null: there are none
    this.clock = clockOf(this.zone, this.daily);
    this.keys = [];
    this._key(0);
  }

  get length() {
    return this.t.length;
  }

  column(name) {
    return this.columns[name];
  }

  // The place of the bar with this key, -1 if there is none.
  at(key) {
    const i = place(this.keys, key);
    return this.keys[i] === key ? i : -1;
  }

  // Puts older bars in front.
  prepend(answer) {
    const columns = answer.columns;
    const end = place(columns.t, this.t[0]); // should the answer overlap
    for (const name of Object.keys(this.columns)) {
      const front = columns[name] ?? Array(columns.t.length).fill(null);
      this.columns[name] = front.slice(0, end).concat(this.columns[name]);
    }
    this.t = this.columns.t;
    this.older = end && this.length < MAX_BARS ? answer.next ?? null : null;
    this._key(0);
  }

  // Replaces everything from the first of these bars on. Answers with its place, null if they do not join what is here.
  merge(columns) {
    const count = columns.t?.length ?? 0;
    if (!count) return this.length;
    const from = place(this.t, columns.t[0]);
    if (from === this.length && this.length && columns.t[0] - this.t.at(-1) > this._step() * count) return null;
    for (const name of Object.keys(this.columns)) {
      const kept = this.columns[name];
      kept.length = from;
      const added = columns[name];
      for (let i = 0; i < count; i++) kept.push(added ? added[i] : null);
    }
    this._key(from);
    return from;
  }

  // Whether the columns of all these names are here.
  has(names) {
    return names.every((name) => name in this.columns);
  }

  // The longest step that is no gap in what is known: a night or a weekend passes.
  _step() {
    return this.daily ? 10 * 86_400_000 : 5 * 86_400_000;
  }

  _key(from) {
    this.keys.length = from;
    for (let i = from; i < this.length; i++) {
      const key = Math.floor(this.clock.wall(this.t[i]) / 1000);
      this.keys.push(i && key <= this.keys[i - 1] ? this.keys[i - 1] + 1 : key);
    }
  }
}

// The first place in an ascending array that is not below the value.
export function place(sorted, value) {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (sorted[middle] < value) low = middle + 1;
    else high = middle;
  }
  return low;
}
