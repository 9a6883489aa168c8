// The bars of one chart as columns, and the keys by which the drawing library knows them.
//
// The library takes seconds and labels them as UTC. A key is therefore the exchange's wall clock read as if it were UTC,
// made strictly ascending: in the hour that an autumn night repeats, keys go on by a second.
import { clockOf } from "../format.js";

const MAX_BARS = 20_000;
const TAIL_BARS = 40; // a stream of events begins with so many; with none in common, some between are missing

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

  // Replaces the bars that these are about, and adds those behind; what is newer than all of them stays, as a message may
  // be older than the last answer. Answers with the place of the first, null if they do not join what is here.
  merge(columns) {
    const count = columns.t?.length ?? 0;
    if (!count) return this.length;
    const from = place(this.t, columns.t[0]);
    if (from === this.length && from && count >= TAIL_BARS) return null;
    const behind = place(this.t, columns.t[count - 1] + 1);
    for (const name of Object.keys(this.columns)) {
      const kept = this.columns[name];
      const newer = kept.slice(behind);
      const added = columns[name];
      kept.length = from;
      for (let i = 0; i < count; i++) kept.push(added ? added[i] : null);
      kept.push(...newer);
    }
    this._key(from);
    return from;
  }

  // Whether the columns of all these names are here.
  has(names) {
    return names.every((name) => name in this.columns);
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
function place(sorted, value) {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (sorted[middle] < value) low = middle + 1;
    else high = middle;
  }
  return low;
}
