// The page: puts its parts together, follows the address, and passes on what the server sends.
import { first } from "./first.js"; // before all else, so that its requests are under way while the rest loads
import { get, mayChange, outcome, readSession, session, whenDenied } from "./api.js";
import { AlertsTab } from "./alerts.js";
import { change as changeLook, look } from "./chart/look.js";
import { fullScreen, openMenu, savePictureOf } from "./chart/menu.js";
import { shownIndicators } from "./chart/selection.js";
import { ChartTab } from "./chart/tab.js";
import { attribute, text } from "./dom.js";
import { Events } from "./events.js";
import { clockOf, money, signedPercent } from "./format.js";
import { HealthTab } from "./health.js";
import { openAppearance, openHelp } from "./help.js";
import { bindKeys } from "./keys.js";
import { logOut, showLogin } from "./login.js";
import { isOpen } from "./market.js";
import { ModelTab } from "./model.js";
import { remember } from "./prefs.js";
import { TABS, chartHash, readRoute } from "./route.js";
import { StatusBar } from "./statusbar.js";
import { toast } from "./toast.js";
import { askInterval } from "./typing.js";
import { Watchlist } from "./watchlist.js";

const HIDDEN_MS = 60_000; // a browser has six connections to a server: a page hidden for this long gives its own back

const part = (name) => document.querySelector(`[data-part=${name}]`);
const panel = (name) => document.getElementById(name);
let tab = null;
let wasLost = false;

const watchlist = new Watchlist(part("watch"), { pick: (symbol) => pick(symbol), tell: toast });
export const chart = new ChartTab(panel("chart"), { listen, pick, daily: (symbol) => watchlist.quotes.get(symbol)?.daily });
const usual = () => first.symbol ?? watchlist.first; // shown unless something else is asked for
const zone = () => watchlist.quotes.get(chart.symbol ?? usual())?.market?.zone ?? "UTC";
const tabs = {
  model: new ModelTab(panel("model"), { zone, tell: toast }),
  alerts: new AlertsTab(panel("alerts"), { counted, zone, jump }),
  health: new HealthTab(panel("health"), zone),
};

const bar = new StatusBar(part, {
  open: () => [...watchlist.quotes.values()].some(({ market }) => isOpen(market)),
  at: (time) => clockOf(zone()).second(time),
});

const events = new Events({
  quotes: (event) => {
    watchlist.update(event.quotes);
    setQuote();
    if (chart.symbol === null && tab === "chart" && watchlist.first) pick(watchlist.first, undefined, true);
  },
  bars: (event) => chart.change(event),
  status: setStatus,
  alert: (event) => {
    tabs.alerts.fire(event);
    chart.onChart.fire(event);
  },
}, connected);

// -- the address --------------------------------------------------------------------------------------------------------

function pick(symbol, interval = chart.wanted, quietly = false) {
  const hash = chartHash(symbol, interval);
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
    tabs[tab]?.show();
  }
  if (tab !== "chart") return;
  const symbol = route.symbol ?? chart.symbol ?? usual();
  const interval = route.interval ?? chart.wanted;
  if (symbol !== null && (symbol !== chart.symbol || interval !== chart.wanted)) show(symbol, interval);
}

function show(symbol, interval, asked) {
  remember("symbol", symbol);
  remember("interval", interval);
  watchlist.select(symbol);
  text(part("chosen"), symbol);
  attribute(document.querySelector("nav [data-tab=chart]"), "href", chartHash(symbol, interval));
  const shown = chart.show(symbol, interval, asked);
  setQuote();
  return shown;
}

// Shows the quote above the chart and in the browser's tab, which is read from other windows.
function setQuote() {
  const quote = watchlist.quotes.get(chart.symbol);
  chart.setQuote(quote);
  const price = quote && `${money(quote.price, quote.decimals, quote.currency)} ${quote.change === null ? "" : signedPercent(quote.change)}`.trim();
  document.title = [price, chart.symbol, "tapeline"].filter(Boolean).join(" · ");
}

// -- the server ---------------------------------------------------------------------------------------------------------

function listen() {
  events.open(chart.known ? chart.symbol : null, chart.interval, shownIndicators());
}

async function connected(state) {
  document.body.dataset.connection = state;
  bar.connection(state);
  if (state === "lost") {
    wasLost = true;
    const { value } = await outcome(readSession());
    if (value?.login_needed) logIn(); // the session is over
    return;
  }
  if (wasLost) { // perhaps it is another server: symbols may have come or gone, and changes need its own token
    wasLost = false;
    if ((await outcome(readSession())).value) allow();
    const { value } = await outcome(get("/symbols"));
    if (value) watchlist.replace(value.symbols, value.collected);
  }
  chart.retry();
  tabs.alerts.catchUp();
}

function setStatus(event) {
  bar.take(event);
  chart.heading.setHorizon(event.horizon);
  chart.panel.setHorizon(event.horizon);
  watchlist.setReplaying(event.replay !== null);
  watchlist.setProblems(event.feed?.problems ?? {});
}

function counted(count) {
  text(part("unseen"), count ? String(count) : "");
  attribute(part("unseen"), "aria-label", count ? `${count} new` : null);
}

// -- the user -----------------------------------------------------------------------------------------------------------

function allow() {
  watchlist.allow();
  const { name, role } = session;
  const out = part("logout");
  out.hidden = !name;
  attribute(out, "title", name ? `${name}, ${role}. Log out` : "Log out");
  part("login").hidden = role !== "viewer" || Boolean(name);
  attribute(document.body, "data-role", mayChange() ? "admin" : role ?? "none");
}

function logIn() {
  showLogin(() => location.reload());
}

// -- the start ----------------------------------------------------------------------------------------------------------

async function begin() {
  const route = readRoute();
  chart.wanted = first.interval;
  if (first.symbol !== null && route.tab === "chart") {
    history.replaceState(null, "", chartHash(first.symbol, first.interval));
    show(first.symbol, first.interval, first.bars);
  }
  go();
  addEventListener("hashchange", go);
  first.catalogue.then(({ value }) => value && chart.setCatalogue(value));
  const [who, quotes] = await Promise.all([first.session, first.quotes]);
  if (who.value) allow();
  if (who.value?.login_needed) {
    logIn();
    return;
  }
  if (quotes.error) watchlist.fail(`The symbols cannot be read: ${quotes.error.message}.`);
  else watchlist.replace(quotes.value.symbols, quotes.value.collected);
  if (route.symbol === null && !watchlist.quotes.has(chart.symbol) && watchlist.first && tab === "chart") {
    pick(watchlist.first, first.interval, true); // the symbol that this browser remembers is gone
  } else if (chart.symbol === null) {
    if (tab === "chart") chart.show(null, first.interval);
    else watchlist.select(usual());
  }
  setQuote();
  if (tab !== "chart" || chart.symbol === null) listen(); // otherwise the chart listens once its bars are there
}

let hiddenTimer = 0;
document.addEventListener("visibilitychange", () => {
  clearTimeout(hiddenTimer);
  if (document.hidden) hiddenTimer = setTimeout(() => tabs.alerts.wanted || events.close(), HIDDEN_MS);
  else if (!events.isOpen) listen();
});

whenDenied(logIn);
part("help").addEventListener("click", openHelp);
part("appearance").addEventListener("click", openAppearance);
part("logout").addEventListener("click", logOut);
part("login").addEventListener("click", logIn);
part("chosen").addEventListener("click", () => document.body.classList.toggle("choosing"));
function openTab(number) {
  location.hash = number ? `#${TABS[number]}` : chartHash(chart.symbol, chart.wanted);
}

bindKeys({
  alt: {
    ...Object.fromEntries(TABS.map((_, i) => [i + 1, () => openTab(i)])),
    ...chart.onChart.keys,
    A: () => chart.onChart.ask(), I: () => chart.openPicker(), R: () => chart.expected.toggle(), C: () => chart.bars && openMenu(chart),
    G: () => chart.bars && openMenu(chart).day.focus(), K: () => chart.bars && openMenu(chart).other.focus(),
    L: () => changeLook({ scale: look.scale === "log" ? "normal" : "log" }), P: () => changeLook({ scale: look.scale === "percent" ? "normal" : "percent" }),
    W: () => changeLook({ values: !look.values }), S: () => savePictureOf(chart), X: () => fullScreen(chart),
  },
  digit: (typed) => chart.symbol !== null && askInterval(typed, chart.heading.intervals, (interval) => pick(chart.symbol, interval)),
  move: (by) => watchlist.move(by),
  search: (typed) => {
    document.body.classList.add("choosing");
    watchlist.search(typed);
  },
  interval: (by) => {
    const next = chart.heading.beside(chart.interval, by);
    if (next && chart.symbol !== null) pick(chart.symbol, next);
  },
  zoom: (factor) => chart.window?.zoom(factor),
  pan: (share) => chart.window?.pan(share),
  newest: () => chart.newest(),
  help: openHelp,
  leave: () => document.body.classList.remove("choosing"),
});
begin();
