// Numbers and times as text. Times are UTC epoch ms; null becomes an en dash, never 0.

const MINUS = "\u2212";
const NONE = "–";
const SIGNS = { USD: "$", EUR: "€", GBP: "£", JPY: "¥" };
const HOUR = 3_600_000;
const DAY = 24 * HOUR;

export const absent = (value) => value === null || value === undefined || Number.isNaN(value);

// With thousands grouped: 1,234.50. `Intl.NumberFormat` takes several times as long, and each frame of a moving chart writes
// hundreds of prices. It differs in ties alone: it rounds the number as it is written, 1.005 to 1.01, and this the binary one,
// which is a little less, to 1.00.
export function price(value, decimals = 2) {
  if (absent(value)) return NONE;
  const digits = Math.abs(value).toFixed(decimals);
  const grouped = Math.abs(value) < 999 ? digits : groupThousands(digits);
  return value < 0 ? MINUS + grouped : grouped;
}

// Looks at no text before a place, which Safari can only since 16.4.
function groupThousands(digits) {
  const [whole] = digits.split(".");
  return whole.replace(/\B(?=(\d{3})+$)/g, ",") + digits.slice(whole.length);
}

export const integer = (value) => price(value, 0);

// $170.42, 1,234.5 p, 99.10 CHF; without a currency, the number alone.
export function money(value, decimals, currency) {
  const number = price(value, decimals);
  if (absent(value) || !currency) return number;
  if (currency === "GBp") return `${number} p`;
  return currency in SIGNS ? SIGNS[currency] + number : `${number} ${currency}`;
}

// +1.50 or −1.50; what rounds to zero has no sign.
export function signed(value, decimals = 2) {
  if (absent(value)) return NONE;
  const number = price(Math.abs(value), decimals);
  if (!/[1-9]/.test(number)) return number;
  return (value < 0 ? MINUS : "+") + number;
}

// A change with its sign: 0.0123 as +1.23%.
export function signedPercent(value, decimals = 2) {
  return absent(value) ? NONE : `${signed(value * 100, decimals)}%`;
}

// A share: 0.523 as 52.3%.
export function percent(value, decimals = 1) {
  return absent(value) ? NONE : `${price(value * 100, decimals)}%`;
}

// A value with its 95% confidence interval, where there is one; `show` formats each number.
export function estimate({ value, low, high }, show) {
  return absent(value) || absent(low) ? show(value) : `${show(value)} (${show(low)} to ${show(high)})`;
}

// The CSS class of a change: "flat" when it shows as 0.00%.
export function trend(change) {
  if (absent(change) || Math.abs(change) < 0.00005) return "flat";
  return change < 0 ? "down" : "up";
}

// A volume or count in at most five characters: 950, 12.3K, 4.56M. `Intl` takes tens of milliseconds to begin with it.
export function compact(value) {
  if (absent(value)) return NONE;
  const digits = (step) => Number((value / 1000 ** step).toPrecision(3));
  let step = Math.min(4, Math.floor(Math.log10(Math.max(Math.abs(value), 1)) / 3));
  if (Math.abs(digits(step)) >= 1000 && step < 4) step++; // 999.6 is 1K
  return `${digits(step)}${["", "K", "M", "B", "T"][step]}`.replace("-", MINUS);
}

export function bytes(value) {
  if (absent(value)) return NONE;
  const step = Math.min(4, Math.floor(Math.log2(Math.max(value, 1)) / 10));
  return `${price(value / 1024 ** step, step ? 1 : 0)} ${["B", "KiB", "MiB", "GiB", "TiB"][step]}`;
}

// How long something takes, or how long ago it was: 340 ms, 12 s, 4 min, 3 h 20 min, 5 d.
export function duration(ms) {
  if (absent(ms)) return NONE;
  if (ms < 1000) return `${price(ms, 0)} ms`;
  const seconds = Math.round(ms / 1000);
  if (seconds < 120) return `${seconds} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes} min`;
  const hours = Math.floor(minutes / 60);
  if (hours < 48) return `${hours} h${hours < 10 && minutes % 60 ? ` ${minutes % 60} min` : ""}`;
  return `${Math.floor(hours / 24)} d`;
}

// The interval of a bar: 1 min, 15 min, 1 h, 1 d.
export function barLength(ms) {
  const [size, unit] = [[DAY, "d"], [HOUR, "h"], [60_000, "min"]].find(([size]) => ms >= size) ?? [];
  return unit ? `${ms / size} ${unit}` : duration(ms);
}

const UNITS = { m: "min", h: "h", d: "day", w: "week", mo: "month" };

// How long this many bars of an interval take: 5 min for 5 and 1m; 5 bars where no interval is known.
export function barsLength(count, interval) {
  const [, each, unit] = /^(\d+)(m|h|d|w|mo)$/.exec(interval ?? "") ?? [];
  const total = count * (each ?? 1);
  if (unit === "m" && total % 60 === 0) return `${total / 60} h`;
  return `${total} ${UNITS[unit] ?? "bar"}${total === 1 || unit === "m" || unit === "h" ? "" : "s"}`;
}

const clocks = new Map();

// The clock of a time zone. Daily bars carry dates rather than times, so theirs shows the UTC date alone.
export function clockOf(zone, daily = false) {
  const key = `${zone} ${daily}`;
  if (!clocks.has(key)) clocks.set(key, new Clock(zone, daily));
  return clocks.get(key);
}

const DATE = { weekday: "short", day: "numeric", month: "short", year: "numeric" };
const MINUTE = { hour: "2-digit", minute: "2-digit" };
const SECOND = { ...MINUTE, second: "2-digit" };

const textFormat = (timeZone, options) => new Intl.DateTimeFormat("en-GB", { hourCycle: "h23", timeZone, ...options });
const textOf = (format, time) => format.format(time).replaceAll(",", "");

let utc = null;

// Makes what a chart's clock needs, of whatever zone: the first formats take a browser 15 ms, those of another zone none.
export function warmClocks() {
  const clock = clockOf("America/New_York");
  clock.wall(0);
  clock.full(0);
}

// A format takes milliseconds to make, and a page that shows its first chart needs few of them: each is made when it is used.
class Clock {
  constructor(zone, daily) {
    this.zone = daily ? "UTC" : zone;
    this.daily = daily;
    this._formats = {};
    this._offsets = new Map(); // by half-hour, as zones change their offset on the hour or half-hour
  }

  get _minute() { return this._made("minute", MINUTE); }
  get _second() { return this._made("second", SECOND); }
  get _date() { return this._made("date", DATE); }
  get _short() { return this._made("short", { weekday: "short", ...MINUTE }); }
  get _parts() { return this._made("parts", { year: "numeric", month: "numeric", day: "numeric", hour: "numeric", minute: "numeric" }); }
  get _zones() {
    return this._formats.zones ??= ["en-US", "en-GB", "en-AU"].map((locale) => new Intl.DateTimeFormat(locale, { timeZone: this.zone, timeZoneName: "short" }));
  }

  _made(name, options) {
    return this._formats[name] ??= textFormat(this.zone, options);
  }

  // The exchange's local time read as if it were UTC, ms.
  wall(time) {
    const halfHour = Math.floor(time / (HOUR / 2));
    let offset = this._offsets.get(halfHour);
    if (offset === undefined) {
      const { year, month, day, hour, minute } = Object.fromEntries(this._parts.formatToParts(time).map(({ type, value }) => [type, Number(value)]));
      offset = Date.UTC(year, month - 1, day, hour, minute) - Math.floor(time / 60_000) * 60_000;
      this._offsets.set(halfHour, offset);
    }
    return time + offset;
  }

  // The time at which the exchange's clock shows this, UTC epoch ms: the inverse of `wall`.
  time(wall) {
    const guess = wall - (this.wall(wall) - wall);
    return guess - (this.wall(guess) - wall);
  }

  // EST, BST, AEDT. Each locale names the zones of its own part of the world only; others are GMT+9.
  zoneName(time) {
    const names = this._zones.map((zone) => zone.formatToParts(time).find(({ type }) => type === "timeZoneName").value);
    return names.find((name) => !/^GMT[+-]/.test(name)) ?? names[0];
  }

  // Fri 15 Feb 2019 15:59 EST
  full(time) {
    if (absent(time)) return NONE;
    const date = textOf(this._date, time);
    return this.daily ? date : `${date} ${this._minute.format(time)} ${this.zoneName(time)}`;
  }

  // Fri 15:59; for daily bars 15 Feb 2019
  short(time) {
    if (absent(time)) return NONE;
    return this.daily ? this.date(time) : textOf(this._short, time);
  }

  // 15 Feb 2019
  date(time) {
    return absent(time) ? NONE : textOf(this._date, time).slice(4);
  }

  // Fri 15 Feb 2019 15:59:30 EST
  second(time) {
    return absent(time) ? NONE : `${textOf(this._date, time)} ${this._second.format(time)} ${this.zoneName(time)}`;
  }

  // Fri 15 Feb 2019 20:59:30 UTC, for titles: null leaves the title out.
  utc(time) {
    utc ??= textFormat("UTC", { ...DATE, ...SECOND });
    return absent(time) ? null : `${textOf(utc, time)} UTC`;
  }
}
