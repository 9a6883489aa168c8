// The model tab: what the model is worth first, then why one may think so, then what can be done about it.
import { ApiError, get, mayChange, part, post } from "./api.js";
import { confirmed, fill, h } from "./dom.js";
import { barLength, clockOf, interval, price, share, signed, whole } from "./format.js";
import { barList, calibrationPlot, linePlot } from "./plots.js";

const METRICS = {
  auc: "AUC", log_loss: "Log-loss", brier: "Brier", brier_skill: "Brier skill", balanced_accuracy: "Balanced accuracy", rank_ic: "Rank IC",
};
const FEATURES = 15;
const MODEL = "tapeline"; // its name among the predictors
const DAY_MS = 86_400_000;
const DRIFT_SHOWN = 0.5; // twice the warning: more is not drawn longer
const four = (value) => price(value, 4);
const utc = clockOf("UTC", true);
const day = (t) => utc.full(t);

export class ModelTab {
  constructor(root, { zone, tell }) {
    this._root = root;
    this._zone = zone;
    this._tell = tell;
    this._turn = 0;
  }

  async show() {
    const turn = ++this._turn;
    if (!this._root.childElementCount) fill(this._root, h("p", { class: "none" }, "Loading …"));
    try {
      const [models, scores] = await Promise.all([get("/models"), get("/scores")]);
      if (turn === this._turn) this._draw(models, scores);
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      if (turn === this._turn) fill(this._root, h("p", { class: "verdict bad" }, `The model's figures cannot be read: ${error.message}.`));
    }
  }

  hide() {
    this._turn++;
  }

  _draw(answer, scores) {
    const models = [...(answer.models ?? [])].reverse(); // the newest first
    const current = models.find((one) => one.current) ?? null;
    const total = (scores.grades ?? []).find((one) => !one.symbol && !one.model) ?? scores.grades?.[0] ?? null;
    const evaluation = answer.evaluation ?? null;
    fill(this._root,
      verdict(current, evaluation, total, answer.no_model),
      h("div", { class: "cards" },
        current ? this._current(current, models) : null,
        live(scores, total, clockOf(this._zone(), current?.interval >= DAY_MS)),
        calibration(scores, evaluation),
        evaluation ? walkForward(evaluation) : null,
        importance(current),
        drifts(current),
        symbols(scores),
        models.length ? this._versions(models) : null));
  }

  _current(model, models) {
    const older = models.some((one) => !one.current);
    return card("Model in use", "",
      facts({
        Version: model.version,
        Question: `where the close is ${model.horizon} bars ahead, when it leaves ${model.no_trade_band} standard deviations`,
        Bars: barLength(model.interval),
        "Trained on": `${day(model.trained_from)} to ${day(model.trained_until)}`,
        Rows: `${whole(model.rows)} of ${model.symbols?.length ?? "–"} symbols`,
        Features: whole(model.features?.length),
      }),
      mayChange() && older ? h("footer", {}, h("button", { type: "button", onclick: () => this._do("rollback", model) }, "Roll back to the version before")) : null);
  }

  _versions(models) {
    return card("Versions", "wide", scroll(h("table", {},
      h("thead", {}, h("tr", {}, ["Version", "Trained until", "Bars", "Horizon", "Symbols", "Rows", "Held-back skill", ""].map(head))),
      h("tbody", {}, models.map((model) => h("tr", { class: model.current ? "current" : "" },
        h("th", { scope: "row" }, model.version), cell(day(model.trained_until)), cell(barLength(model.interval)), cell(whole(model.horizon)),
        cell(whole(model.symbols?.length)), cell(whole(model.rows)), cell(signed(model.metrics?.skill, 4)),
        h("td", {}, model.current ? "in use" : mayChange()
          ? h("button", { type: "button", "aria-label": `Promote ${model.version}`, onclick: () => this._do("promote", model) }, "Promote") : "")))))));
  }

  async _do(action, model) {
    const asks = action === "promote"
      ? [`Use ${model.version}?`, "The running pipeline predicts with it from the next bar on. It can be rolled back.", "Promote"]
      : [`Roll back from ${model.version}?`, "The version that was in use before predicts from the next bar on.", "Roll back"];
    if (!await confirmed(...asks)) return;
    await this._change(action, model, false);
    this.show();
  }

  // A version that is worse than the one in use is promoted only when asked for twice.
  async _change(action, { name, version }, force) {
    try {
      if (action === "promote") await post(`/models/${part(version)}/promote`, { name, force });
      else await post("/models/rollback", { name });
      this._tell(action === "promote" ? `${version} is in use now.` : "The version before is in use again.");
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      if (action === "promote" && error.status === 409 && !force) {
        if (await confirmed("Promote it all the same?", error.message, "Promote it anyway")) await this._change(action, { name, version }, true);
      } else this._tell(error.message, "bad");
    }
  }
}

// In one sentence whether the model is worth anything, and how that is known.
function verdict(current, evaluation, total, none) {
  if (!current && !total) return h("p", { class: "verdict" }, none ? `There is no model: ${none}.` : "There is no model yet. tapeline train FILE makes one.");
  const lines = [];
  if (evaluation) lines.push({ good: evaluation.better, says: evaluation.headline });
  if (total?.answered) {
    const better = beats(total);
    lines.push({
      good: better,
      says: better
        ? `Live, its calls are better than always calling the more frequent direction: ${interval(total.hit_rate, share)} against ${share(total.base_rate)}.`
        : `Live, it is not better than its baselines: ${interval(total.hit_rate, share)} of ${whole(total.answered)} calls right, always the more frequent direction ${share(total.base_rate)}.`,
    });
  } else lines.push({ good: false, says: "Not shown to be better than its baselines: no live call is decided yet." });
  lines.sort((a, b) => a.good - b.good); // bad news first
  return h("div", { class: `verdict ${lines.every((line) => line.good) ? "good" : "bad"}` }, lines.map((line) => h("p", {}, line.says)));
}

function beats(grade) {
  return grade.answered > 0 && grade.hit_rate?.low > grade.base_rate && grade.brier?.high < grade.brier_base;
}

function live(scores, total, clock) {
  if (!total) return card("Live", "", h("p", { class: "none" }, "Nothing is graded yet: the horizon of the first predictions has not passed."));
  const { window, timestamp, hit_rate: hits, base_rate: base } = scores.rolling;
  return card("Live, graded from stored bars", "",
    facts({
      "Hit-rate": interval(total.hit_rate, share),
      "Base rate": share(total.base_rate),
      Brier: interval(total.brier, four),
      "Base Brier": four(total.brier_base),
      "Calls decided": `${whole(total.answered)} of ${whole(total.predicted)}`,
      Pending: whole(total.pending),
      HOLD: whole(total.held),
    }),
    linePlot(timestamp, [{ name: "hit-rate", values: hits, style: "one" }, { name: "base rate", values: base, style: "two" }], {
      when: (t) => clock.full(t), title: `Over ${whole(window)} rows at a time`,
    }),
    h("p", { class: "note" }, "In brackets: 95% block-bootstrap intervals. The base rate is that of always calling the more frequent direction."));
}

function walkForward(evaluation) {
  const scores = Object.entries(evaluation.scores ?? {});
  const metrics = Object.keys(METRICS).filter((metric) => scores.some(([, score]) => metric in score));
  const gains = Object.entries(evaluation.gains ?? {});
  return card("Walk-forward, beside baselines", "wide",
    scroll(h("table", {},
      h("thead", {}, h("tr", {}, head("Predictor"), metrics.map((metric) => head(METRICS[metric])))),
      h("tbody", {}, scores.map(([name, score]) => h("tr", { class: name === MODEL ? "current" : "" },
        h("th", { scope: "row" }, name), metrics.map((metric) => estimated(score[metric], four))))))),
    gains.length ? scroll(h("table", {},
      h("thead", {}, h("tr", {}, head("Gain over"), head("Log-loss"), head("AUC"))),
      h("tbody", {}, gains.map(([name, gain]) => h("tr", {}, h("th", { scope: "row" }, name),
        ["log_loss", "auc"].map((metric) => estimated(gain[metric], (value) => signed(value, 4)))))))) : null,
    h("p", { class: "note" }, `${whole(evaluation.tested)} rows out of sample; the same rows for every predictor. Below each figure its 95% interval. A gain is real when its interval is above 0.`));
}

function calibration(scores, evaluation) {
  const ours = scores.calibration?.length ? scores.calibration : null;
  const bins = ours ?? evaluation?.calibration;
  if (!bins?.length) return null;
  return card("Calibration", "", calibrationPlot(bins),
    h("p", { class: "note" }, `${ours ? "Live predictions" : "Walk-forward"}. On the diagonal, what the model says comes true as often as it says.`));
}

function importance(model) {
  const items = (model?.importance ?? []).filter((one) => one.splits);
  if (!items.length) return null;
  return card("What it looks at", "", barList(items.slice(0, FEATURES).map((one) => [one.feature, one.gain]), share),
    h("p", { class: "note" }, `Share of what its trees gained by each; the first ${Math.min(FEATURES, items.length)} of ${items.length} features in use.`));
}

function drifts(current) {
  const found = current?.drift ?? [];
  if (!found.length) return null;
  const worst = [...found].sort((a, b) => b.psi - a.psi).slice(0, FEATURES);
  const count = found.filter((one) => one.warning).length;
  return card("Drift", "", h("p", {}, count ? `${count} of ${found.length} features ${count === 1 ? "has" : "have"} drifted away from training: time to retrain.` : `None of ${found.length} features has drifted away from training.`),
    barList(worst.map((one) => [one.feature, one.psi, one.warning ? "warn" : ""]), (value) => price(value, 2), DRIFT_SHOWN),
    h("p", { class: "note" }, "Population stability index since training; marked above 0.25."));
}

// A value with its interval below it.
function estimated(estimate, show) {
  const range = typeof estimate?.low === "number" ? h("small", {}, `${show(estimate.low)} to ${show(estimate.high)}`) : null;
  return h("td", { class: "estimate" }, show(estimate?.value), range);
}

function symbols(scores) {
  const rows = (scores.grades ?? []).filter((one) => one.symbol);
  if (rows.length < 2) return null;
  return card("By symbol", "wide", scroll(h("table", {},
    h("thead", {}, h("tr", {}, ["Symbol", "Calls decided", "Hit-rate", "Base rate", "Brier", "Base Brier"].map(head))),
    h("tbody", {}, rows.map((one) => h("tr", { class: beats(one) ? "good" : "" },
      h("th", { scope: "row" }, one.symbol), cell(whole(one.answered)), estimated(one.hit_rate, share), cell(share(one.base_rate)),
      estimated(one.brier, four), cell(four(one.brier_base))))))));
}

// -- pieces that the health tab uses as well ---------------------------------------------------------------------------

export function card(title, style, ...children) {
  return h("section", { class: `card ${style}` }, h("h2", {}, title), children);
}

export function facts(pairs) {
  return h("dl", {}, Object.entries(pairs).map(([name, value]) => [h("dt", {}, name), h("dd", {}, value ?? "–")]));
}

export function scroll(table) {
  return h("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "Table" }, table);
}

export const head = (says) => h("th", { scope: "col" }, says);
export const cell = (says) => h("td", {}, says);
