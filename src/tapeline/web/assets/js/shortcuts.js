// What each key does on this page.
import { change as changeLook, look } from "./chart/look.js";
import { fullScreen, savePictureOf } from "./chart/menu.js";
import { KINDS } from "./draw/shapes.js";
import { bindKeys } from "./keys.js";
import { TABS } from "./route.js";
import { askInterval } from "./typing.js";

// `chart()` gives the chart in use; `menu()` opens its menu, `about()` the page about its symbol, `pick(symbol, interval)` shows something on it.
export function bindShortcuts({ chart, watchlist, menu, about, pick, help, openTab }) {
  const scale = (name) => changeLook({ scale: look.scale === name ? "normal" : name });
  const choosing = (on) => document.body.classList.toggle("choosing", on);
  const show = (interval) => interval && chart().symbol !== null && pick(chart().symbol, interval);
  bindKeys({
    alt: {
      ...Object.fromEntries(TABS.map((_, i) => [i + 1, () => openTab(i)])),
      ...Object.fromEntries(Object.entries(KINDS).map(([kind, { key }]) => [key, () => chart().onChart.choose(kind)])),
      A: () => chart().onChart.ask(), I: () => chart().openPicker(), R: () => chart().expected.toggle(), C: menu, Y: about, Q: () => chart().replay.toggle(),
      G: () => menu()?.day.focus(), K: () => menu()?.other.focus(),
      L: () => scale("log"), P: () => scale("percent"),
      W: () => changeLook({ values: !look.values }), S: () => savePictureOf(chart()), X: () => fullScreen(chart()),
    },
    digit: (typed) => askInterval(typed, chart().heading.intervals, show),
    move: (by) => watchlist.move(by),
    search: (typed) => {
      choosing(true);
      watchlist.search(typed);
    },
    interval: (by) => show(chart().heading.beside(chart().interval, by)),
    zoom: (factor) => chart().window?.zoom(factor),
    pan: (share) => chart().window?.pan(share),
    newest: () => chart().newest(),
    help,
    leave: () => (document.body.classList.contains("choosing") || !chart().replay.on ? choosing(false) : chart().replay.end()),
  });
}
