// The instrument page: what there is to know of a symbol, in one dialog.
import { barsPath, get, outcome, part } from "../api.js";
import { card, cell, facts, nothing, rowHeading, table } from "../cards.js";
import { dialog, fill, h } from "../dom.js";
import { barsLength, clockOf, compact, integer, money, percent, price, signedPercent, trend } from "../format.js";
import { marketText } from "../market.js";
import { figuresOf } from "./figures.js";

const DAILY = { interval: "1d", limit: 520, indicators: [] };
const PERCENTS = ["50", "80", "95"];

// Opens the page of a symbol; `quote` is its line of the watch-list, undefined where there is none.
export async function openAbout(symbol, quote) {
  const body = h("div", { class: "about" }, nothing("Loading …"));
  dialog(symbol, body);
  const [known, daily, forecast, record] = await Promise.all([
    get(`/symbols/${part(symbol)}/instrument`), get(barsPath(symbol, DAILY)), get(`/symbols/${part(symbol)}/forecast`), get(`/scores/ranges?symbol=${part(symbol)}&last=20000`),
  ].map(outcome));
  if (known.error) fill(body, nothing(`${known.error.message}.`));
  else fill(body, headline(known.value, quote), h("div", { class: "cards" },
    ranges(daily.value, quote), returns(daily.value), expectation(forecast.value, record.value, quote?.decimals ?? daily.value?.decimals),
    session(known.value, quote), actions(known.value), rejects(known.value)));
}

const headline = ({ name, exchange }, quote) => h("p", { class: "headline" },
  [name, exchange].filter(Boolean).join(" · ") || "No name is known.", quote && h("b", {}, ` ${money(quote.price, quote.decimals, quote.currency)}`));

// Where the last close stands between the ends of a range.
function rangeLine(name, { low, high, at }, decimals) {
  return [name, h("span", { class: "range" }, price(low, decimals), h("meter", { min: 0, max: 1, value: at, "aria-label": `${name}: ${percent(at, 0)} of the way up` }), price(high, decimals))];
}

function ranges(daily, quote) {
  const found = daily && figuresOf(daily.columns);
  if (!found) return card("Range, volume, volatility", "", nothing("There are no daily bars."));
  const { decimals } = daily;
  const { now, rank } = found.volatility ?? {};
  return card("Range, volume, volatility", "", facts({
    ...Object.fromEntries([rangeLine("Day", found.day, decimals), rangeLine(found.year.since ? `Since ${clockOf("UTC").date(found.year.since)}` : "52 weeks", found.year, decimals)]),
    Volume: `${compact(found.volume.last)}${found.volume.mean ? `, ${price(found.volume.last / found.volume.mean, 1)} × its mean of 20 days` : ""}`,
    "Volatility of 20 days": now === undefined ? null : `${percent(now)} a year${rank === null ? "" : `, higher than on ${percent(rank, 0)} of the days of the last year`}`,
    "Last bar": clockOf(quote?.market?.zone ?? "UTC", quote?.daily).full(quote?.timestamp),
  }));
}

function returns(daily) {
  const found = daily && figuresOf(daily.columns);
  return found && card("Returns", "", facts(Object.fromEntries(found.returns.map(([name, move]) => [name, h("span", { class: trend(move) }, signedPercent(move))]))));
}

// The ranges of all horizons that something is said of, the nearest first.
function horizons({ interval, close, horizons: found, bands }, decimals) {
  const steps = Object.keys(found).map(Number).sort((a, b) => a - b);
  const held = (step) => bands?.find(({ horizon, decided }) => horizon === step && decided);
  return table(["In", "Move", ...PERCENTS.map((band) => `${band}%`), "80% held"], steps.map((step) => {
    const said = found[step];
    const ends = PERCENTS.map((band) => cell(`${price(said[`low_${band}`], decimals)} to ${price(said[`high_${band}`], decimals)}`));
    const counts = held(step);
    return h("tr", {}, rowHeading(barsLength(step, interval)), cell(`±${percent(said.expected_move / close, 2)}`), ends,
      cell(counts ? `${percent(counts.held[80] / counts.decided)} of ${integer(counts.decided)}` : "–"));
  }));
}

function expectation(forecast, record, decimals) {
  const [total] = record?.grades ?? [];
  return card("What may come", "wide", h("p", {}, forecast?.words ?? "Nothing is said of the next bars."),
    forecast?.horizons && horizons(forecast, decimals),
    total?.decided ? facts(Object.fromEntries(PERCENTS.map((band) => [`${band}% band held`, `${percent(total.coverage[band].value)} of ${integer(total.decided)}`])))
      : nothing("No range of this symbol is decided yet."));
}

function session({ session: next, zone }, quote) {
  const clock = clockOf(zone);
  return card("Sessions", "", facts({
    Market: quote?.market ? marketText(quote.market) : null,
    "Next session": next ? `${clock.full(next.opens)} to ${clock.full(next.closes)}${next.half ? ", half a day" : ""}` : "it never closes",
  }));
}

function actions({ actions: list }) {
  const words = ({ kind, value, currency }) => (kind === "split" ? `${value} for 1` : `${value} ${currency}`);
  return card("Splits and dividends", "", list.length
    ? table(["Day", "What", "How much"], list.map((action) => h("tr", {}, cell(clockOf("UTC").date(action.timestamp)), cell(action.kind), cell(words(action)))), "text")
    : nothing("None in the archived history."));
}

function rejects({ rejects: list }) {
  return card("Refused records that name it", "wide", list.length
    ? table(["Source", "Place", "Reason", "Record"], list.map((each) => h("tr", {}, cell(each.source), cell(each.place), cell(each.reason), h("td", { class: "raw" }, each.raw))), "text")
    : nothing("None."));
}
