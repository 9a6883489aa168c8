// Numbers and times as text. Times are UTC epoch ms and shown in the exchange's zone; those of daily bars are dates.

const MINUS = "\u2212";

export function price(value, decimals) {
  if (value === null || value === undefined) return "–";
  const text = value.toLocaleString("en-US", { minimumFractionDigits: decimals, maximumFractionDigits: decimals });
  return text.replace("-", MINUS);
}

export function signed(value, decimals) {
  if (value === null || value === undefined) return "–";
  return (value < 0 ? MINUS : "+") + price(Math.abs(value), decimals);
}

export function percent(value, decimals = 2) {
  return value === null || value === undefined ? "–" : signed(value * 100, decimals) + "%";
}

// Which way a change shows with two decimals of a percent: its sign and the class of its colour.
export function trend(change) {
  if (change === null || change === undefined || Math.abs(change) < 0.00005) return { sign: "", style: "tl-hold" };
  return change < 0 ? { sign: "▼ ", style: "tl-down" } : { sign: "▲ ", style: "tl-up" };
}

// A volume in at most five characters: 950, 12.3K, 4.56M.
export function amount(value) {
  if (value === null || value === undefined) return "–";
  return new Intl.NumberFormat("en-US", { notation: "compact", maximumSignificantDigits: 3 }).format(value);
}

export class Clock {
  constructor(zone, daily) {
    const timeZone = daily ? "UTC" : zone;
    const make = (options) => new Intl.DateTimeFormat("en-GB", { hourCycle: "h23", timeZone, ...options });
    this.daily = daily;
    this._parts = make({ year: "numeric", month: "2-digit", day: "2-digit", hour: "2-digit", minute: "2-digit" });
    this._minute = make({ hour: "2-digit", minute: "2-digit" });
    this._day = make({ day: "numeric", month: "short" });
    this._month = make({ month: "short", year: "numeric" });
    this._date = make({ weekday: "short", day: "numeric", month: "short", year: "numeric" });
    this._zone = new Intl.DateTimeFormat("en-US", { timeZone, timeZoneName: "short" }); // en-GB says GMT-5 for EST
    this._utc = new Intl.DateTimeFormat("en-GB", {
      hourCycle: "h23", timeZone: "UTC", weekday: "short", day: "numeric", month: "short", year: "numeric",
      hour: "2-digit", minute: "2-digit",
    });
  }

  // Year, month, day and minute of the day where the exchange is.
  local(t) {
    const found = {};
    for (const { type, value } of this._parts.formatToParts(t)) found[type] = Number(value);
    return { year: found.year, month: found.month, day: found.day, minute: found.hour * 60 + found.minute };
  }

  minute(t) {
    return this._minute.format(t);
  }

  day(t) {
    return this._day.format(t);
  }

  month(t) {
    return this._month.format(t);
  }

  zoneName(t) {
    return this._zone.formatToParts(t).find((part) => part.type === "timeZoneName").value;
  }

  full(t) {
    if (t === null || t === undefined) return "–";
    const date = this._date.format(t).replaceAll(",", "");
    return this.daily ? date : `${date} ${this.minute(t)} ${this.zoneName(t)}`;
  }

  utc(t) {
    return t === null || t === undefined || this.daily ? "" : `${this._utc.format(t).replaceAll(",", "")} UTC`;
  }
}
