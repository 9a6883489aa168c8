// The watch-list. Quotes come as changes; Vue's text interpolation escapes whatever a symbol holds.
import { Clock, percent, price, trend } from "tapeline";

const SIGNS = { UP: "▲", DOWN: "▼", HOLD: "–" };
const PICK_DELAY = 120; // ms; holding an arrow key down asks for the last symbol only

export default {
  template: `
    <nav class="tl-watch" :class="{ 'tl-open': open }" aria-label="Watch-list">
      <button type="button" class="tl-watch-fold" @click="open = !open" :aria-expanded="open ? 'true' : 'false'">
        <span>{{ selected || "Symbols" }}</span><span class="tl-dim">{{ count }} {{ open ? "▴" : "▾" }}</span>
      </button>
      <div class="tl-watch-head"><span>Symbol</span><span></span><span title="Since the close of the previous session">Last · change</span></div>
      <ul role="listbox" tabindex="0" aria-label="Symbols; arrow up and down switch" :aria-activedescendant="selected ? idOf(selected) : null">
        <li v-for="q in list" :key="q.symbol" role="option" :id="idOf(q.symbol)"
            :aria-selected="q.symbol === selected ? 'true' : 'false'" @click="pick(q.symbol)" :title="hint(q)">
          <span class="tl-symbol"><b>{{ q.symbol }}</b>
            <small :class="'tl-call tl-' + q.signal.toLowerCase()">{{ call(q) }}</small></span>
          <svg class="tl-spark" viewBox="0 0 64 24" preserveAspectRatio="none" aria-hidden="true">
            <polyline :points="spark(q)" :class="trend(q.change).style"/></svg>
          <span class="tl-quote"><b>{{ price(q.price, q.decimals) }}</b>
            <small :class="trend(q.change).style">{{ trend(q.change).sign }}{{ percent(q.change) }}</small></span>
        </li>
      </ul>
      <p v-if="!count" class="tl-dim tl-none">{{ loaded ? "No symbols yet" : "Loading …" }}</p>
    </nav>`,
  props: { zone: String },
  data: () => ({ quotes: {}, selected: "", open: false, loaded: false }),
  computed: {
    list() {
      return Object.values(this.quotes).sort((a, b) => (a.symbol < b.symbol ? -1 : 1));
    },
    count() {
      return this.list.length;
    },
  },
  created() {
    Object.assign(this, { percent, price, trend });
    this.clocks = new Map();
  },
  mounted() {
    document.addEventListener("keydown", this.key);
  },
  beforeUnmount() {
    document.removeEventListener("keydown", this.key);
  },
  methods: {
    update(changed) {
      this.loaded = true;
      const quotes = Object.assign(Object.create(null), this.quotes);
      for (const quote of changed) quotes[quote.symbol] = quote;
      this.quotes = quotes;
      this.entitle();
    },
    select(symbol) {
      if (this.waiting) return; // the user is already further on
      this.selected = symbol;
      this.remember();
    },
    pick(symbol, delay = 0) {
      this.selected = symbol;
      this.open = false;
      this.remember();
      clearTimeout(this.waiting);
      this.waiting = setTimeout(() => {
        this.waiting = null;
        this.$emit("pick", symbol);
      }, delay);
    },
    key(event) {
      const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
      const typing = event.target.closest?.("input, textarea, select, [contenteditable]");
      if (!step || typing || event.ctrlKey || event.metaKey || event.altKey || !this.count) return;
      event.preventDefault();
      const at = this.list.findIndex((q) => q.symbol === this.selected);
      const next = this.list[Math.min(this.count - 1, Math.max(0, at + step))];
      if (next.symbol === this.selected) return;
      this.pick(next.symbol, PICK_DELAY);
      this.$nextTick(() => document.getElementById(this.idOf(next.symbol))?.scrollIntoView({ block: "nearest" }));
    },
    remember() {
      const url = new URL(location.href);
      url.searchParams.set("symbol", this.selected);
      history.replaceState(history.state, "", url);
      this.entitle();
    },
    entitle() {
      const quote = this.quotes[this.selected];
      document.title = quote ? `${this.selected} ${price(quote.price, quote.decimals)} · tapeline` : "tapeline";
    },
    idOf(symbol) {
      return `watch-${symbol}`;
    },
    call(q) {
      if (!q.signal) return "no call";
      return `${SIGNS[q.signal]} ${q.signal} ${Math.round(q.probability * 100)}%`;
    },
    hint(q) {
      if (!this.clocks.has(q.daily)) this.clocks.set(q.daily, new Clock(this.zone, q.daily));
      const clock = this.clocks.get(q.daily);
      const utc = clock.utc(q.timestamp);
      const lines = [`last bar ${clock.full(q.timestamp)}${utc ? ` (${utc})` : ""}${q.final ? "" : ", forming"}`];
      if (q.reference !== null) {
        lines.push(`change since ${price(q.reference, q.decimals)}, ${q.first ? "the open of this session's first bar" : "the close of the previous session"}`);
      }
      if (q.signal) lines.push(`call ${q.signal}, P(UP) ${(q.probability * 100).toFixed(1)}%, model ${q.model}`);
      return lines.join("\n");
    },
    spark(q) {
      const n = q.spark.length;
      return q.spark.map((y, i) => `${((i / (n - 1)) * 64).toFixed(1)},${(22 - y * 0.2).toFixed(1)}`).join(" ");
    },
  },
};
