// Numbers and times as text. Times are UTC epoch ms.

const MINUS = "\u2212";
const NONE = "–";
const SIGNS = { USD: "$", EUR: "€", GBP: "£", JPY: "¥", GBp: "p" };

const absent = (value) => value === null || value === undefined || Number.isNaN(value);

const prices = new Map(); // decimals -> Intl.NumberFormat: making one costs more than a thousand uses

export function price(value, decimals = 2) {
  if (absent(value)) return NONE;
  if (!prices.has(decimals)) {
    prices.set(decimals, new Intl.NumberFormat("en-US", { minimumFractionDigits: decimals, maximumFractionDigits: decimals }));
  }
  return prices.get(decimals).format(value).replace("-", MINUS);
}

// A price with its currency: $170.42, 1,234.5 p, 99.10 CHF. Without a currency, the number alone.
export function money(value, decimals, currency) {
  const number = price(value, decimals);
  if (absent(value) || !currency) return number;
  if (currency === "GBp") return `${number} ${SIGNS.GBp}`;
  return currency in SIGNS ? SIGNS[currency] + number : `${number} ${currency}`;
}

export function signed(value, decimals = 2) {
  if (absent(value)) return NONE;
  const number = price(Math.abs(value), decimals);
  if (!/[1-9]/.test(number)) return number;
  return (value < 0 ? MINUS : "+") + number;
}

export function percent(value, decimals = 2) {
  return absent(value) ? NONE : `${signed(value * 100, decimals)}%`;
}

// A share without a sign: 0.523 as 52.3%.
export function share(value, decimals = 1) {
  return absent(value) ? NONE : `${price(value * 100, decimals)}%`;
}

// An estimate with its 95% interval, each shown by `show`.
export function interval(estimate, show) {
  if (absent(estimate?.value)) return NONE;
  const range = absent(estimate.low) ? "" : ` (${show(estimate.low)} to ${show(estimate.high)})`;
  return show(estimate.value) + range;
}

// up, down or flat, as a change shows with two decimals of a percent.
export function trend(change) {
  if (absent(change) || Math.abs(change) < 0.00005) return "flat";
  return change < 0 ? "down" : "up";
}

const compact = new Intl.NumberFormat("en-US", { notation: "compact", maximumSignificantDigits: 3 });

// A volume or count in at most five characters: 950, 12.3K, 4.56M.
export function amount(value) {
  return absent(value) ? NONE : compact.format(value);
}

export function whole(value) {
  return absent(value) ? NONE : price(value, 0);
}

export function bytes(value) {
  if (absent(value)) return NONE;
  const step = Math.min(4, Math.floor(Math.log2(Math.max(value, 1)) / 10));
  return `${price(value / 1024 ** step, step ? 1 : 0)} ${["B", "KiB", "MiB", "GiB", "TiB"][step]}`;
}

// How long something takes or is ago: 340 ms, 12 s, 4 min, 3 h 20 min, 5 d.
export function duration(ms) {
  if (absent(ms)) return NONE;
  const s = Math.round(ms / 1000);
  if (ms < 1000) return `${price(ms, 0)} ms`;
  if (s < 120) return `${s} s`;
  const m = Math.floor(s / 60);
  if (m < 60) return `${m} min`;
  const hours = Math.floor(m / 60);
  if (hours < 48) return `${hours} h${hours < 10 && m % 60 ? ` ${m % 60} min` : ""}`;
  return `${Math.floor(hours / 24)} d`;
}

// The length of a bar: 1 min, 15 min, 1 h, 1 d.
export function barLength(ms) {
  for (const [size, unit] of [[86_400_000, "d"], [3_600_000, "h"], [60_000, "min"]]) if (ms >= size) return `${ms / size} ${unit}`;
  return duration(ms);
}

const clocks = new Map();

// The clock of a time zone; daily bars carry dates, not times.
export function clockOf(zone, daily = false) {
  const key = `${zone} ${daily}`;
  if (!clocks.has(key)) clocks.set(key, new Clock(zone, daily));
  return clocks.get(key);
}

const UTC = new Intl.DateTimeFormat("en-GB", {
  hourCycle: "h23", timeZone: "UTC", weekday: "short", day: "numeric", month: "short", year: "numeric",
  hour: "2-digit", minute: "2-digit", second: "2-digit",
});

const HOUR = 3_600_000;

class Clock {
  constructor(zone, daily) {
    this.zone = daily ? "UTC" : zone;
    this.daily = daily;
    const make = (options) => new Intl.DateTimeFormat("en-GB", { hourCycle: "h23", timeZone: this.zone, ...options });
    this._minute = make({ hour: "2-digit", minute: "2-digit" });
    this._second = make({ hour: "2-digit", minute: "2-digit", second: "2-digit" });
    this._date = make({ weekday: "short", day: "numeric", month: "short", year: "numeric" });
    this._short = make({ weekday: "short", hour: "2-digit", minute: "2-digit" });
    this._parts = make({ year: "numeric", month: "numeric", day: "numeric", hour: "numeric", minute: "numeric" });
    this._zones = ["en-US", "en-GB", "en-AU"].map((where) => new Intl.DateTimeFormat(where, { timeZone: this.zone, timeZoneName: "short" }));
    this._offsets = new Map();
  }

  // The clock on the exchange's wall as if it were UTC, ms. Zones change their offset on the hour or half hour.
  wall(t) {
    const part = Math.floor(t / (HOUR / 2));
    let offset = this._offsets.get(part);
    if (offset === undefined) {
      const found = {};
      for (const { type, value } of this._parts.formatToParts(t)) found[type] = Number(value);
      offset = Date.UTC(found.year, found.month - 1, found.day, found.hour, found.minute) - Math.floor(t / 60_000) * 60_000;
      this._offsets.set(part, offset);
    }
    return t + offset;
  }

  // EST, BST, AEDT; each part of the world has names for its own zones only, for others there is GMT+9.
  zoneName(t) {
    const names = this._zones.map((zone) => zone.formatToParts(t).find((part) => part.type === "timeZoneName").value);
    return names.find((name) => !/^GMT[+-]/.test(name)) ?? names[0];
  }

  // Fri 15 Feb 2019 15:59 EST
  full(t) {
    if (absent(t)) return NONE;
    const date = this._date.format(t).replaceAll(",", "");
    return this.daily ? date : `${date} ${this._minute.format(t)} ${this.zoneName(t)}`;
  }

  // Fri 15:59; of daily bars the date
  short(t) {
    if (absent(t)) return NONE;
    return this.daily ? this._date.format(t).replaceAll(",", "").slice(4) : this._short.format(t).replaceAll(",", "");
  }

  second(t) {
    return absent(t) ? NONE : `${this._date.format(t).replaceAll(",", "")} ${this._second.format(t)} ${this.zoneName(t)}`;
  }

  // What is shown on hover.
  utc(t) {
    return absent(t) ? null : `${UTC.format(t).replaceAll(",", "")} UTC`;
  }
}
