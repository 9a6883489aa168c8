// The page: puts its parts together, follows the address, and passes on what the server sends.
import { first } from "./first.js"; // before all else, so that its requests are under way while the rest loads
import { openAbout } from "./about/about.js";
import { Account } from "./account.js";
import { get, outcome, readSession } from "./api.js";
import { AlertsTab } from "./alerts/alerts.js";
import { openMenu } from "./chart/menu.js";
import { shownIndicators } from "./chart/selection.js";
import { ChartTab } from "./chart/tab.js";
import { recall } from "./desk.js";
import { attribute, text } from "./dom.js";
import { Events } from "./events.js";
import { bindFold } from "./fold.js";
import { clockOf, money, signedPercent } from "./format.js";
import { HealthTab } from "./health.js";
import { openAppearance, openHelp } from "./help.js";
import { Layout } from "./layout.js";
import { isOpen, newestOf, timeOf } from "./market.js";
import { ModelTab } from "./model.js";
import { remember } from "./prefs.js";
import { TABS, chartHash, readRoute } from "./route.js";
import { ScreenerTab } from "./screener.js";
import { bindShortcuts } from "./shortcuts.js";
import { StatusBar } from "./statusbar.js";
import { toast } from "./toast.js";
import { Watchlist } from "./watchlist.js";

const part = (name) => document.querySelector(`[data-part=${name}]`);
const panel = (name) => document.getElementById(name);
let tab = null;
let catalogue = null; // the answer of GET /indicators
let wasLost = false;

const watchlist = new Watchlist(part("watch"), { pick: (symbol) => pick(symbol), tell: toast });
export const layout = new Layout(panel("chart"), (root) => {
  const made = new ChartTab(root, {
    listen, pick, menu, about, daily: (symbol) => watchlist.quotes.get(symbol)?.daily,
    pointed: (time) => layout.point(made, time), active: () => made === chart, quoted: setQuote, settled: () => layout.settle(),
  });
  if (catalogue) made.setCatalogue(catalogue);
  return made;
}, () => {
  chart = layout.active;
  watchlist.select(chart.symbol);
  setQuote();
});
export let chart = layout.active; // the one in use
const usual = () => first.symbol ?? watchlist.first; // shown unless something else is asked for
const zone = () => watchlist.quotes.get(chart.symbol ?? usual())?.market?.zone ?? "UTC";
const tabs = {
  model: new ModelTab(panel("model"), { zone, tell: toast }),
  alerts: new AlertsTab(panel("alerts"), { counted, zone, jump, symbols: () => [...watchlist.quotes.keys()] }),
  health: new HealthTab(panel("health"), zone, () => newestOf(watchlist.quotes)?.daily, () => bar.state),
  screener: new ScreenerTab(panel("screener"), { zone, decimals: (symbol) => watchlist.quotes.get(symbol)?.decimals, pick: (symbol, time) => (time === null ? pick(symbol) : jump(symbol, time)) }),
};

const account = new Account(part, () => watchlist.allow());
const bar = new StatusBar(part, {
  open: () => [...watchlist.quotes.values()].some(({ market }) => isOpen(market)),
  at: (time) => clockOf(zone()).second(time),
  newest: () => (watchlist.quotes.size ? timeOf(watchlist.quotes, true) : null),
});

const events = new Events({
  quotes: (event) => {
    watchlist.update(event.quotes);
    setQuote();
    if (chart.symbol === null && tab === "chart" && watchlist.first) pick(watchlist.first, undefined, true);
  },
  bars: (event) => layout.shown.forEach((one) => one.change(event)),
  status: setStatus,
  alert: (event) => {
    tabs.alerts.fire(event);
    layout.shown.forEach((one) => one.onChart.fire(event));
  },
}, connected);

function pick(symbol, interval = chart.wanted, quietly = false, count = layout.count) {
  const [one, ...others] = layout.after(symbol, interval, count);
  const hash = chartHash(one.symbol, one.interval, others);
  if (quietly) {
    history.replaceState(null, "", hash);
    go();
  } else location.hash = hash; // the change of the address calls go()
  if (!panel("chart").hidden && location.hash === hash) go();
  document.body.classList.remove("choosing");
}

// Shows the bar of a symbol that opened at this time.
function jump(symbol, time) {
  pick(symbol);
  chart.older.goTo(symbol, time);
}

function go() {
  const route = readRoute();
  if (tab !== route.tab) {
    tabs[tab]?.hide();
    tab = route.tab;
    for (const name of TABS) {
      panel(name).hidden = name !== tab;
      attribute(document.querySelector(`nav [data-tab=${name}]`), "aria-current", name === tab ? "page" : null);
    }
    document.body.dataset.tab = tab;
    document.body.classList.remove("choosing");
    tabs[tab]?.show();
  }
  if (tab !== "chart") return;
  const symbol = route.symbol ?? layout.charts[0].symbol ?? usual();
  if (symbol === null) return;
  layout.arrange(route.others.length + 1);
  [{ symbol, interval: route.interval ?? layout.charts[0].wanted }, ...route.others].forEach((wanted, k) => show(layout.charts[k], wanted));
  layout.settle();
}

// Shows something on a chart, unless it is shown there.
function show(one, { symbol, interval }, asked) {
  if (one.shows(symbol, interval)) return;
  setTimeout(() => { // not before the candles are drawn: the first write takes 10 ms
    remember("symbol", symbol);
    remember("interval", interval);
  });
  one.show(symbol, interval, asked);
  attribute(document.querySelector("nav [data-tab=chart]"), "href", layout.hash);
  if (layout.charts.length > 1) layout.save();
  setQuote();
  if (one === chart) watchlist.select(symbol);
}

// Opens the page about the symbol of the chart in use.
function about() {
  if (chart.bars) openAbout(chart.symbol, watchlist.quotes.get(chart.symbol));
}

// Opens the menu of the chart in use.
function menu() {
  return chart.bars && openMenu(chart, layout, (count) => {
    pick(chart.symbol, chart.wanted, false, count);
    layout.save();
  }, about);
}

// Shows the quote above the chart and in the browser's tab, which is read from other windows; of a replayed chart none.
function setQuote() {
  const quoteOf = (one) => (one.replay.on ? null : watchlist.quotes.get(one.symbol));
  for (const one of layout.shown) one.heading.quote(quoteOf(one));
  document.body.toggleAttribute("data-replay", layout.shown.some((one) => one.replay.on)); // of the list, which has the prices of now
  const quote = quoteOf(chart);
  const price = quote && `${money(quote.price, quote.decimals, quote.currency)} ${quote.change === null ? "" : signedPercent(quote.change)}`.trim();
  document.title = [price, chart.symbol, "tapeline"].filter(Boolean).join(" · ");
}

function listen(anew) {
  const known = layout.shown.filter((one) => one.known && one.symbol !== null);
  events.open(known.map(({ symbol, interval }) => ({ symbol, interval })), shownIndicators(), anew);
}

async function connected(state, why) {
  document.body.dataset.connection = state;
  bar.connection(state, why);
  if (state === "lost") {
    wasLost = true;
    watchlist.heard.clear();
    const { value } = await outcome(readSession());
    if (value?.login_needed) account.logIn(); // the session is over
    return;
  }
  if (wasLost) { // perhaps it is another server: symbols may have come or gone, and changes need its own token
    wasLost = false;
    if ((await outcome(readSession())).value) account.show();
    const { edits } = watchlist;
    const { value } = await outcome(get("/symbols"));
    if (value) watchlist.replace(value.symbols, value.collected, value.names, edits);
    tabs[tab]?.show();
  }
  layout.shown.forEach((one) => one.retry());
  tabs.alerts.catchUp();
}

function setStatus(event) {
  bar.take(event);
  for (const one of layout.shown) {
    one.heading.setHorizon(event.horizon);
    one.panel.setHorizon(event.horizon);
  }
  watchlist.setReplaying(event.replay !== null);
  watchlist.setProblems(event.feed?.problems ?? {});
}

function counted(count) {
  text(part("unseen"), count ? String(count) : "");
  attribute(part("unseen"), "aria-label", count ? `${count} new` : null);
}

async function begin() {
  const route = readRoute();
  chart.wanted = first.interval;
  if (first.bars) {
    history.replaceState(null, "", chartHash(first.symbol, first.interval, route.others));
    show(chart, first, first.bars);
  }
  go();
  addEventListener("hashchange", go);
  first.catalogue.then(({ value }) => {
    catalogue = value;
    if (value) layout.charts.forEach((one) => one.setCatalogue(value));
  });
  const [who, quotes] = await Promise.all([first.session, first.quotes]);
  if (who.value) account.show();
  if (who.value?.login_needed) {
    account.logIn();
    return;
  }
  if (quotes.error) watchlist.fail(`The symbols cannot be read: ${quotes.error.message}.`);
  else watchlist.replace(quotes.value.symbols, quotes.value.collected, quotes.value.names);
  if (route.symbol === null && chart.symbol === first.symbol && !watchlist.quotes.has(chart.symbol) && watchlist.first && tab === "chart") {
    pick(watchlist.first, first.interval, true); // the symbol that this browser remembers is gone
  } else if (chart.symbol === null) {
    if (tab === "chart") chart.show(null, first.interval);
    else watchlist.select(usual());
  }
  setQuote();
  if (route.symbol === null) restore();
  events.ready = true; // not before the quotes are here, which the stream only changes
  if (events.wanted || tab !== "chart" || chart.symbol === null) listen(); // otherwise the chart listens once its bars are there
}

// Shows the charts that this user left, where the address names none.
async function restore() {
  const { symbol: shown, wanted } = layout.charts[0];
  const charts = layout.restore(await recall("layout"));
  if (!charts || charts.length < 2 || tab !== "chart") return;
  if (!layout.charts[0].shows(shown, wanted)) charts[0] = { symbol: layout.charts[0].symbol, interval: layout.charts[0].wanted }; // chosen meanwhile
  const [{ symbol, interval }, ...others] = charts;
  history.replaceState(null, "", chartHash(symbol, interval, others));
  go();
}

events.restWhileHidden(() => !tabs.alerts.wanted, listen);
part("help").addEventListener("click", openHelp);
part("appearance").addEventListener("click", openAppearance);
bindFold(part("fold"));
part("chosen").addEventListener("click", () => document.body.classList.toggle("choosing"));
bindShortcuts({ chart: () => chart, watchlist, menu, about, pick, help: openHelp, openTab: (number) => {
  location.hash = number ? `#${TABS[number]}` : layout.hash;
} });
begin();
