// The model tab: first whether the model is worth anything, then the evidence, then the versions to choose from.
import { get, mayChange, outcome, part, post, whoIs } from "./api.js";
import { card, cell, estimateCell, facts, nothing, problem, rowHeading, showLoading, table } from "./cards.js";
import { confirmed, fill, h } from "./dom.js";
import { barLength, clockOf, estimate, integer, percent, price, signed } from "./format.js";
import { barList, calibrationPlot, linePlot } from "./plots.js";
import { rangeCards, rangeVerdict } from "./rangecards.js";

const METRICS = {
  auc: "AUC", log_loss: "Log-loss", brier: "Brier", brier_skill: "Brier skill", balanced_accuracy: "Balanced accuracy", rank_ic: "Rank IC",
};
const MOST_FEATURES = 15;
const MODEL = "tapeline"; // its name among the predictors
const DAY_MS = 86_400_000;
const DRIFT_SCALE = 0.5; // twice the warning level: longer bars would flatten the others
const four = (value) => price(value, 4);
const date = (time) => clockOf("UTC", true).full(time);

export class ModelTab {
  constructor(root, { zone, tell }) {
    this._root = root;
    this._zone = zone;
    this._tell = tell;
    this._turn = 0;
    this._ahead = 5; // bars ahead of the ranges shown
  }

  async show() {
    const turn = ++this._turn;
    showLoading(this._root);
    const { value, error } = await outcome(Promise.all([get("/models"), get("/scores"), get(`/scores/ranges?horizon=${this._ahead}`), whoIs()]));
    if (turn !== this._turn) return;
    if (error) fill(this._root, problem(`The model's figures cannot be read: ${error.message}.`));
    else this._draw(...value);
  }

  hide() {
    this._turn++;
  }

  _draw({ models: oldestFirst, contests, evaluation, no_model: reason }, scores, ranges) {
    const models = oldestFirst.reverse();
    const current = models.find((model) => model.current);
    const total = scores.grades[0]; // the grade of all rows comes first; without graded rows there is none
    fill(this._root,
      verdict(current, evaluation, total, reason, rangeVerdict(ranges)),
      h("div", { class: "halves" }, h("div", { class: "cards" },
        (ranges.grades.length > 0 || evaluation?.ranges) && rangeCards(ranges, evaluation, clockOf(this._zone(), current?.interval >= DAY_MS), (ahead) => {
          this._ahead = ahead;
          this.show();
        })),
      h("div", { class: "cards" },
        current && this._current(current, models),
        live(scores, total, clockOf(this._zone(), current?.interval >= DAY_MS)),
        calibration(scores, evaluation),
        evaluation && walkForward(evaluation),
        current && importance(current),
        current?.drift?.length > 0 && drift(current.drift),
        bySymbol(scores.grades.filter((grade) => grade.symbol)),
        contests.map(shadowContests),
        models.length > 0 && this._versions(models))));
  }

  _current(model, models) {
    const older = models.some((other) => !other.current);
    return card("Direction: model in use", "",
      facts({
        Version: model.version,
        Predicts: `whether the close ${model.horizon} bar${model.horizon === 1 ? "" : "s"} ahead is up or down by more than ${model.no_trade_band} standard deviations`,
        Bars: barLength(model.interval),
        "Trained on": `${date(model.trained_from)} to ${date(model.trained_until)}`,
        Rows: `${integer(model.rows)} of ${model.symbols.length} symbols`,
        Features: integer(model.features.length),
      }),
      mayChange() && older && h("footer", {}, h("button", { type: "button", onclick: () => this._rollBack(model) }, "Roll back to the previous version")));
  }

  _versions(models) {
    return card("Versions", "wide", table(["Version", "Trained until", "Bars", "Horizon", "Symbols", "Rows", "Held-out skill", ""],
      models.map((model) => h("tr", { class: model.current ? "current" : "" },
        rowHeading(model.version), cell(date(model.trained_until)), cell(barLength(model.interval)), cell(integer(model.horizon)),
        cell(integer(model.symbols.length)), cell(integer(model.rows)), cell("skill" in model.metrics ? signed(model.metrics.skill, 4) : ""),
        cell(model.current ? "in use" : mayChange() &&
          h("button", { type: "button", "aria-label": `Promote ${model.version}`, onclick: () => this._promote(model) }, "Promote"))))));
  }

  async _promote(model) {
    if (!await confirmed(`Use ${model.version}?`, "The running pipeline predicts with it from the next bar on. You can roll back later.", "Promote")) return;
    let { error } = await this._post(model, false);
    if (error?.status === 409) { // it is worse than the one in use
      if (!await confirmed("Promote it anyway?", error.message, "Promote anyway")) return;
      ({ error } = await this._post(model, true));
    }
    this._changed(error, `${model.version} is now in use.`);
  }

  _post({ name, version }, force) {
    return outcome(post(`/models/${part(version)}/promote`, { name, force }));
  }

  async _rollBack({ name, version }) {
    if (!await confirmed(`Roll back from ${version}?`, "The version used before it predicts from the next bar on.", "Roll back")) return;
    const { error } = await outcome(post("/models/rollback", { name }));
    this._changed(error, "The previous version is in use again.");
  }

  _changed(error, text) {
    if (error) this._tell(error.message, "bad");
    else this._tell(text);
    this.show();
  }
}

// Whether the model is worth anything, in one sentence for each kind of evidence, bad news first.
function verdict(current, evaluation, total, reason, ranges) {
  if (!current && !total && !ranges) {
    return h("p", { class: "verdict" }, reason ? `There is no model: ${reason}.` : "There is no model yet. Run tapeline train FILE to make one.");
  }
  const lines = ranges ? [ranges] : [];
  if (evaluation) lines.push({ good: evaluation.better, text: evaluation.headline });
  if (total?.answered) {
    const [hits, base] = [estimate(total.hit_rate, percent), percent(total.base_rate)];
    lines.push(beatsBaselines(total)
      ? { good: true, text: `Direction, live: its calls beat always calling the more frequent direction: ${hits} are right, against ${base}.` }
      : { good: false, text: `Direction, live: it is not better than its baselines: ${hits} of ${integer(total.answered)} calls are right, against ${base} for always calling the more frequent direction.` });
  } else if (total) lines.push({ good: false, text: "Direction: not shown to be better than its baselines, as no UP or DOWN call is decided yet; a model says HOLD until it has passed its gate." });
  lines.sort((first, second) => first.good - second.good);
  return lines.map((line) => h("p", { class: `verdict ${line.good ? "good" : "bad"}` }, line.text));
}

function beatsBaselines(grade) {
  return grade.answered > 0 && grade.hit_rate.low > grade.base_rate && grade.brier.high < grade.brier_base;
}

function live({ rolling, per_symbol: most }, total, clock) {
  if (!total) return card("Direction, live", "", nothing("Nothing is graded yet: the horizon of the first predictions has not passed."));
  return card("Direction, live, graded from stored bars", "",
    facts({
      "Hit rate": estimate(total.hit_rate, percent),
      "Base rate": percent(total.base_rate),
      Brier: estimate(total.brier, four),
      "Base Brier": four(total.brier_base),
      "Calls decided": `${integer(total.answered)} of ${integer(total.predicted)}`,
      Pending: integer(total.pending),
      HOLD: integer(total.held),
    }),
    linePlot(rolling.timestamp, [{ name: "hit rate", values: rolling.hit_rate, style: "one" }, { name: "base rate", values: rolling.base_rate, style: "two" }],
      { formatTime: (time) => clock.full(time), title: `Over ${integer(rolling.window)} rows at a time` }),
    h("p", { class: "note" }, `Of the newest ${integer(most)} bars of each symbol, at most; tapeline score --last ${most} prints the same. In brackets: 95% confidence intervals. The base rate is that of always calling the more frequent direction.`));
}

function walkForward({ scores, gains, tested }) {
  const metrics = Object.keys(METRICS).filter((metric) => metric in scores[MODEL]);
  const skill = (value) => signed(value, 4);
  return card("Direction, walk-forward, beside baselines", "wide",
    table(["Predictor", ...metrics.map((metric) => METRICS[metric])],
      Object.entries(scores).map(([name, score]) => h("tr", { class: name === MODEL ? "current" : "" },
        rowHeading(name), metrics.map((metric) => estimateCell(score[metric], four))))),
    table(["Gain over", "Log-loss", "AUC"],
      Object.entries(gains).map(([name, gain]) => h("tr", {}, rowHeading(name), estimateCell(gain.log_loss, skill), estimateCell(gain.auc, skill)))),
    h("p", { class: "note" }, `${integer(tested)} rows out of sample, the same for every predictor. Below each figure is its 95% confidence interval. A gain is real when its interval is above 0.`));
}

function calibration(scores, evaluation) {
  const isLive = scores.calibration.length > 0;
  const bins = isLive ? scores.calibration : evaluation?.calibration;
  return bins?.length > 0 && card("Direction, calibration", "", calibrationPlot(bins),
    h("p", { class: "note" }, `${isLive ? "Live predictions" : "Walk-forward"}. On the diagonal, what the model predicts comes true as often as it says.`));
}

function importance(model) {
  const used = model.importance.filter((one) => one.splits);
  const shown = used.slice(0, MOST_FEATURES);
  return used.length > 0 && card("Feature importance", "", barList(shown.map((one) => [one.feature, one.gain]), percent),
    h("p", { class: "note" }, `Share of the gain of all splits; the first ${shown.length} of ${used.length} features in use.`));
}

function drift(features) {
  const worst = [...features].sort((first, second) => second.psi - first.psi).slice(0, MOST_FEATURES);
  const count = features.filter((one) => one.warning).length;
  return card("Drift", "", h("p", {}, count ? `${count} of ${features.length} features ${count === 1 ? "has" : "have"} drifted since training: time to retrain.` : `None of ${features.length} features has drifted since training.`),
    barList(worst.map((one) => [one.feature, one.psi, one.warning ? "warn" : ""]), price, DRIFT_SCALE),
    h("p", { class: "note" }, "Population stability index since training; marked above 0.25."));
}

// How challengers fared against the model in use, and how much chance of error is left to this year's contests.
function shadowContests({ name, attempts, held, error, left, next }) {
  const ended = (one) => (one.promotes ? "won" : one.was_held ? "not better" : "too few bars");
  return card(`Shadow contests of ${name}`, "wide",
    facts({ "Held this year": integer(held), "Chance of error left": `${percent(left, 2)} of ${percent(error, 2)}`, "The next one's": percent(next, 2) }),
    attempts.length > 0 ? table(["When", "In use", "Challenger", "Log-loss gained", "Ended"], attempts.map((one) => h("tr", {},
      rowHeading(date(one.at)), cell(one.champion), cell(one.challenger),
      estimateCell({ value: one.gain, low: one.low, high: one.high }, (value) => signed(value, 4)), cell(ended(one)))))
      : nothing("No challenger yet: tapeline run --retrain weekly trains one every week."),
    h("p", { class: "note" }, "A new model takes over only if it is better on bars that neither it nor the one in use has seen. All contests of a year share one chance to be wrong, and each gets a smaller part of it."));
}

function bySymbol(grades) {
  return grades.length > 1 && card("Direction by symbol", "wide", table(["Symbol", "Calls decided", "Hit rate", "Base rate", "Brier", "Base Brier"],
    grades.map((grade) => h("tr", { class: beatsBaselines(grade) ? "good" : "" },
      rowHeading(grade.symbol), cell(integer(grade.answered)), estimateCell(grade.hit_rate, percent), cell(percent(grade.base_rate)),
      estimateCell(grade.brier, four), cell(four(grade.brier_base))))));
}
