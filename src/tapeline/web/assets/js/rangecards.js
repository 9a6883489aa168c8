// What the model tab says of the expected move: whether its bands hold what they say, and whether it is better than EWMA.
import { card, cell, estimateCell, facts, nothing, rowHeading, table } from "./cards.js";
import { h } from "./dom.js";
import { absent, integer, percent, signed } from "./format.js";
import { countPlot, linePlot } from "./plots.js";

export const AHEAD = [1, 5, 20];
const BANDS = ["50", "80", "95"];
const saved = (value) => (absent(value) ? percent(value) : `${signed(value * 100, 1)}%`);

// The verdict on the ranges as { good, text }; null where nothing is graded.
export function rangeVerdict({ words, grades }) {
  return words && { good: grades[0].qlike.low > 0, text: `Live. ${words}` };
}

// The cards for an answer of GET /scores/ranges; `choose(ahead)` is called when another horizon is chosen.
export function rangeCards(scores, evaluation, clock, choose) {
  const { grades, horizon } = scores;
  const [total] = grades;
  const chooser = h("span", { class: "choices", role: "group", "aria-label": "Bars ahead" }, AHEAD.map((ahead) =>
    h("button", { type: "button", "aria-pressed": String(ahead === horizon), onclick: () => choose(ahead) }, `${ahead} bar${ahead === 1 ? "" : "s"} ahead`)));
  if (!total?.decided) return [card("Expected move", "wide", chooser, nothing(waitingText(total)))];
  return [
    card("Expected move: do the bands hold what they say?", "wide", chooser,
      table(["Band", "Held", "Closes", "Share", "EWMA's"], BANDS.map((band) => h("tr", { class: misses(total.coverage[band], band) ? "missing" : "" },
        rowHeading(`${band}%`), cell(integer(total.held[band])), cell(integer(total.decided)),
        estimateCell(total.coverage[band], percent), cell(percent(total.ewma_coverage[band]))))),
      h("p", { class: "note" }, `Of the newest ${integer(scores.per_symbol)} bars of each symbol, at most. 80% band: held ${percent(total.coverage["80"].value)} of ${integer(total.decided)}. ${integer(total.waiting)} wait for their close, ${integer(total.undecidable)} never get one, as a gap lies between. Below each share is its 95% confidence interval; red where it leaves out the band's own share.`)),
    card("Loss saved over EWMA", "",
      facts({
        "Variance (QLIKE)": twoLines(total.qlike),
        "EWMA's level adjusted": twoLines(total.qlike_adjusted),
        "95% band (Winkler)": twoLines(total.winkler),
        "Odds of a big move (Brier)": twoLines(total.brier),
        "Odds of a touch (Brier)": twoLines(total.touch_brier),
      }),
      h("p", { class: "note" }, `On the same rows; above 0 is better than EWMA. GARCH(1,1) needs parameters that no stored row has: tapeline evaluate compares with it. Of stops and targets one usual sigma away ${percent(total.touch_odds)} were said to be touched, and ${percent(total.touched.value)} were.`)),
    card("Coverage over time", "",
      linePlot(scores.rolling.timestamp, BANDS.map((band, i) => ({ name: `${band}% band`, values: scores.rolling[band] ?? [], style: ["one", "two", "three"][i] })),
        { formatTime: (time) => clock.full(time), title: `Over ${integer(scores.rolling.window)} closes at a time`, marks: [0.5, 0.8, 0.95] })
        ?? nothing(`Drawn from ${integer(scores.rolling.window)} closes on.`)),
    card("Where closes came", "", countPlot(scores.ranks, { x: "chance given to a lower close", name: "Closes by tenth of what was said" }),
      h("p", { class: "note" }, "Each tenth of what was said should get a tenth of the closes (the line). Ends too high: bands too narrow.")),
    byVolatility(grades.filter((grade) => grade.tercile)),
    evaluation?.ranges && walkForward(evaluation.ranges),
    byModel(grades.filter((grade) => grade.model && !grade.symbol)),
    byEach("Expected move by symbol", "Symbol", grades.filter((grade) => grade.symbol).map((grade) => [grade.symbol, grade])),
  ];
}

function waitingText(total) {
  if (!total) return "No range was said of any stored bar yet.";
  return total.waiting ? `${integer(total.waiting)} ranges wait for their close.` : "No range can be graded yet.";
}

function twoLines(estimate) {
  return h("span", { class: "estimate" }, saved(estimate.value), !absent(estimate.low) && h("small", {}, `${saved(estimate.low)} to ${saved(estimate.high)}`));
}

const misses = ({ low, high }, band) => !absent(low) && (low > band / 100 || high < band / 100);

function byVolatility(grades) {
  const names = { low: "lowest third", middle: "middle third", high: "highest third" };
  return byEach("Expected move by volatility", "Volatility", grades.map((grade) => [names[grade.tercile], grade]));
}

function byModel(grades) {
  return grades.length > 1 && byEach("Expected move by model", "Model", grades.map((grade) => [grade.model, grade]));
}

function byEach(title, heading, named) {
  return named.length > 1 && card(title, "wide", table([heading, "Closes", ...BANDS.map((band) => `${band}% band`), "QLIKE saved", "level adjusted", "Winkler saved", "touch odds saved"],
    named.map(([name, grade]) => h("tr", {}, rowHeading(name), cell(integer(grade.decided)),
      BANDS.map((band) => estimateCell(grade.coverage[band], percent)), [grade.qlike, grade.qlike_adjusted, grade.winkler, grade.touch_brier].map((value) => estimateCell(value, saved))))));
}

// The kept walk-forward report: variance beside EWMA and whatever else it was tested against.
function walkForward({ headline, scores }) {
  const names = Object.keys(scores[0].saved);
  return card("Expected move, walk-forward", "wide", h("p", {}, headline),
    table(["QLIKE saved over", ...scores.map(({ horizon }) => `${horizon} bar${horizon === 1 ? "" : "s"} ahead`)], [
      ...names.map((name) => h("tr", {}, rowHeading(name), scores.map((score) => estimateCell(score.saved[name], saved)))),
      h("tr", {}, rowHeading("80% band held"), scores.map((score) => estimateCell(score.coverage["80"], percent))),
    ]),
    h("p", { class: "note" }, "On the bars that tapeline evaluate was given, every model fitted on what came before its test."));
}
