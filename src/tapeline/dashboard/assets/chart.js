// The chart of one symbol. It keeps the columns; the server sends them whole once, and then what changed in them.
// Everything heavy is kept out of Vue's reactivity: `this.chart` (plain state for lib/option.js) and `this.echart`.
import { echarts } from "nicegui-echart";
import { Clock, Ticks, amount, barsThatFit, dataOption, number, palette, percent, price, signed, trend, watchAppearance, wholeOption } from "tapeline";

const KEY = "tapeline.hidden";
const CALLS = ["", "UP", "DOWN", "HOLD"];
const OUTCOMES = { UP: "rose", DOWN: "fell", HOLD: "stayed flat" };

export default {
  template: `
    <section class="tl-chart" :aria-label="'Chart of ' + symbol">
      <header class="tl-title">
        <h1>{{ symbol || "–" }}</h1>
        <template v-if="quote">
          <span class="tl-price">{{ price(quote.price, quote.decimals) }}</span>
          <span v-if="quote.change !== null" :class="trend(quote.change).style"
                :title="quote.first ? 'since the open of this session\\'s first bar' : 'since the close of the previous session'">
            {{ trend(quote.change).sign }}{{ signed(quote.price - quote.reference, quote.decimals) }} ({{ percent(quote.change) }})
            <small class="tl-dim">{{ quote.first ? "since the session's first open" : "since previous close" }}</small></span>
          <span v-if="quote.signal" class="tl-badge" :class="'tl-' + quote.signal.toLowerCase()"
                :title="'Model ' + quote.model">{{ quote.signal }} · P(UP) {{ (quote.probability * 100).toFixed(1) }}%</span>
        </template>
      </header>
      <div class="tl-readout" v-if="bar"><span :title="bar.utc">{{ bar.time }}</span>
        <span>O <b>{{ bar.o }}</b></span><span>H <b>{{ bar.h }}</b></span><span>L <b>{{ bar.l }}</b></span><span>C <b>{{ bar.c }}</b></span>
        <span>Vol <b>{{ bar.v }}</b></span><span v-if="bar.call">{{ bar.call }}</span><span class="tl-dim tl-utc">{{ bar.utc }}</span></div>
      <div class="tl-chips" role="group" aria-label="Indicators">
        <button v-for="g in groups" :key="g.group" type="button" :aria-pressed="hidden.includes(g.group) ? 'false' : 'true'"
                :title="g.title" @click="toggle(g.group)"><i :style="{ background: 'var(--tl-line-' + (g.color + 1) + ')' }"></i>{{ g.label }}
          <b v-if="bar && !hidden.includes(g.group)">{{ bar.values[g.group] }}</b></button>
      </div>
      <div class="tl-stage">
        <div ref="canvas" class="tl-canvas" role="img" :aria-label="summary"></div>
        <div v-if="phase !== 'ready'" class="tl-state" role="status"><b>{{ says.title }}</b><span>{{ says.text }}</span></div>
      </div>
      <p class="tl-grade" v-if="phase === 'ready'" v-text="verdict"></p>
    </section>`,
  props: { zone: String },
  data: () => ({ symbol: "", phase: "loading", error: "", quote: null, layout: [], grade: null, bar: null, hidden: [], any: false }),
  computed: {
    groups() {
      const seen = new Map();
      for (const output of this.layout) if (!seen.has(output.group)) seen.set(output.group, output);
      const calls = { group: "predictions", label: "P(UP)", title: "The model's probability of a rise, and where its call turns", color: 5 };
      return this.any ? [...seen.values(), calls] : [...seen.values()];
    },
    says() {
      return {
        loading: { title: "Loading …", text: "" },
        empty: { title: "No bars yet", text: "They appear here as soon as some are stored: tapeline replay FILE, or tapeline demo." },
        error: { title: "The store cannot be read", text: `${this.error}. Trying again every second.` },
      }[this.phase];
    },
    summary() {
      return this.bar ? `${this.symbol}: ${this.bar.time}, open ${this.bar.o}, high ${this.bar.h}, low ${this.bar.l}, close ${this.bar.c}` : "";
    },
    verdict() {
      if (!this.any) return "No predictions among the bars shown.";
      const key = "▲▼ turn of the call: filled came true, hollow did not, faint is open or flat.";
      const g = this.grade;
      if (!g?.answered) return `${key} No UP or DOWN among the loaded bars' predictions is decided yet.`;
      const share = (value) => `${(value * 100).toFixed(1)}%`;
      const range = g.low === null ? "" : ` (95% interval ${share(g.low)}–${share(g.high)})`;
      return `${key} ${g.answered} calls on the loaded bars decided: ${share(g.hit)} right${range}; always the more frequent direction: ${share(g.base)}.`;
    },
  },
  created() {
    Object.assign(this, { percent, price, signed, trend });
    this.chart = null;
    this.at = null; // the place of the bar under the crosshair, null: the newest
    this.queue = null;
  },
  mounted() {
    this.colors = palette();
    this.echart = echarts.init(this.$refs.canvas, null, { renderer: "canvas" });
    this.echart.on("datazoom", this.zoomed);
    this.echart.on("updateAxisPointer", (event) => this.pointed(event.axesInfo?.[0]?.value ?? null));
    this.echart.on("globalout", () => this.pointed(null));
    this.resizing = new ResizeObserver(() => this.resize());
    this.resizing.observe(this.$refs.canvas);
    this.unwatch = watchAppearance(() => {
      this.colors = palette();
      this.redraw();
    });
  },
  beforeUnmount() {
    this.resizing.disconnect();
    this.unwatch();
    this.echart.dispose();
  },
  methods: {
    // -- messages of the server ---------------------------------------------------------------------------------------
    show(snapshot) {
      const same = this.symbol === snapshot.symbol && this.chart;
      this.symbol = snapshot.symbol;
      this.layout = snapshot.layout;
      this.hidden = this.remembered();
      const columns = snapshot.columns;
      const count = columns.t?.length ?? 0;
      this.phase = count ? "ready" : "empty";
      if (!count) {
        this.chart = null;
        this.bar = null;
        this.echart.clear();
        return;
      }
      const before = same ? this.chart.range.last - this.chart.range.first + 1 : barsThatFit(this.$refs.canvas.clientWidth);
      this.chart = { columns, layout: this.layout, clock: new Clock(this.zone, snapshot.daily), ticks: new Ticks() };
      this.chart.range = { first: Math.max(0, count - before), last: count - 1 };
      this.at = null;
      this.take(snapshot);
      this.redraw();
    },
    change(change) {
      if (!this.chart || change.symbol !== this.symbol) return;
      const { columns, range } = this.chart;
      const times = columns.t;
      const follows = range.last >= times.length - 1;
      const anchor = times[range.first];
      const span = range.last - range.first;
      const keep = place(times, change.since);
      for (const [name, values] of Object.entries(change.columns)) {
        columns[name].length = keep;
        for (const value of values) columns[name].push(value);
      }
      const drop = place(columns.t, change.first);
      if (drop) for (const values of Object.values(columns)) values.splice(0, drop);
      const last = columns.t.length - 1;
      const first = follows ? last - span : place(columns.t, anchor);
      this.chart.range = { first: Math.max(0, first), last: Math.min(last, Math.max(0, first) + span) };
      this.take(change);
      this.draw(() => dataOption(this.chart, this.colors));
    },
    setQuote(quote) {
      this.quote = quote;
    },
    state(status) {
      this.error = status.error ?? "";
      if (this.chart) return;
      this.phase = status.error ? "error" : status.symbols ? "loading" : "empty";
    },
    // -- drawing --------------------------------------------------------------------------------------------------
    take(message) {
      this.chart.decimals = message.decimals;
      this.grade = message.grade;
      this.any = this.chart.columns.p.some((p) => p !== null);
      this.read();
    },
    redraw() {
      if (!this.chart) return;
      const size = { width: this.$refs.canvas.clientWidth, height: this.$refs.canvas.clientHeight };
      if (!size.width || !size.height) return;
      this.chart.narrow = size.width < 600;
      this.chart.hidden = new Set(this.hidden);
      this.draw(() => wholeOption(this.chart, size, this.colors), { notMerge: true });
    },
    draw(option, how = {}) {
      this.label();
      this.echart.setOption(option(), { lazyUpdate: false, ...how });
    },
    label() {
      const { ticks, clock, columns, range } = this.chart;
      ticks.place(clock, columns.t, range.first, range.last, this.$refs.canvas.clientWidth - 66);
    },
    resize() {
      this.echart.resize();
      this.redraw();
    },
    zoomed(event) {
      if (!this.chart) return;
      const { start, end } = event.batch?.[0] ?? event;
      const last = this.chart.columns.t.length - 1;
      this.chart.range = { first: Math.round((start / 100) * last), last: Math.round((end / 100) * last) };
      cancelAnimationFrame(this.queue);
      this.queue = requestAnimationFrame(() => {
        this.label();
        this.echart.setOption({}); // labels are asked for anew
      });
    },
    // -- crosshair and chips ----------------------------------------------------------------------------------------
    pointed(at) {
      this.at = at;
      this.read();
    },
    read() {
      if (!this.chart) return;
      const { columns: c, clock, decimals } = this.chart;
      const i = this.at === null || this.at >= c.t.length ? c.t.length - 1 : this.at;
      const values = {};
      for (const output of this.layout) {
        const value = c[output.name][i];
        values[output.group] = (values[output.group] ? values[output.group] + " " : "") + number(this.chart, output, value);
      }
      values.predictions = c.p[i] === null ? "–" : `${(c.p[i] * 100).toFixed(1)}%`;
      const call = CALLS[c.s[i]];
      const outcome = CALLS[c.y[i]];
      const cost = (value) => price(value, decimals);
      this.bar = {
        time: clock.full(c.t[i]) + (c.f[i] ? "" : " forming"), utc: clock.utc(c.t[i]),
        o: cost(c.o[i]), h: cost(c.h[i]), l: cost(c.l[i]), c: cost(c.c[i]), v: amount(c.v[i]), values,
        call: call && `called ${call}${outcome ? `, ${OUTCOMES[outcome]}` : ""}`,
      };
    },
    remembered() {
      const chosen = kept();
      const groups = new Map(this.layout.map((output) => [output.group, output.shown]));
      return [...groups.keys(), "predictions"].filter((g) => chosen[g] ?? groups.get(g) === false);
    },
    toggle(group) {
      const hide = !this.hidden.includes(group);
      this.hidden = hide ? [...this.hidden, group] : this.hidden.filter((g) => g !== group);
      localStorage.setItem(KEY, JSON.stringify({ ...kept(), [group]: hide }));
      this.redraw();
    },
  },
};

// The first place at or behind which times are `since` or later.
function place(times, since) {
  const found = times.findIndex((t) => t >= since);
  return found < 0 ? times.length : found;
}

// Which groups this browser's user hid (true) or showed (false).
function kept() {
  try {
    return JSON.parse(localStorage.getItem(KEY)) ?? {};
  } catch {
    return {};
  }
}
