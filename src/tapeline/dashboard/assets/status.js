// The line at the foot of the page.
import { Clock } from "tapeline";

const count = (value) => value.toLocaleString("en-US");

export default {
  template: `
    <footer class="tl-status" role="status" aria-live="off">
      <span class="tl-light" :class="'tl-' + light.kind" aria-hidden="true"></span>
      <span :class="{ 'tl-bad': light.kind === 'bad' }">{{ light.text }}</span>
      <template v-if="s">
        <span v-if="s.replay && s.replay.total" class="tl-replay"><i :style="{ width: share + '%' }"></i></span>
        <span v-if="s.stored !== null">{{ number(s.stored) }} bars stored</span>
        <span v-if="s.last !== null" :title="clock.utc(s.last)">last bar {{ clock.full(s.last) }}</span>
        <span class="tl-model">{{ model }}</span>
      </template>
      <span class="tl-advice">Calls of a statistical model. Not advice.</span>
    </footer>`,
  props: { zone: String },
  data: () => ({ s: null }),
  created() {
    this.number = count;
  },
  computed: {
    clock() {
      return new Clock(this.zone, this.s?.last % 86400000 === 0);
    },
    share() {
      return Math.min(100, (100 * this.s.replay.done) / this.s.replay.total);
    },
    light() {
      const s = this.s;
      if (!s) return { kind: "wait", text: "connecting" };
      if (s.error) return { kind: "bad", text: `The store cannot be read: ${s.error}. Trying again.` };
      if (!s.symbols && !s.replay?.done) return { kind: "wait", text: "no bars yet" };
      if (!s.replay) return { kind: "good", text: "watching" };
      if (s.replay.ended) return { kind: "wait", text: `replay ended after ${count(s.replay.done)} bars` };
      const of = s.replay.total ? ` of ${count(s.replay.total)} bars (${Math.floor(this.share)}%)` : " bars";
      return { kind: "good", text: `replay ${count(s.replay.done)}${of}` };
    },
    model() {
      const s = this.s;
      if (s.models.length) {
        const trained = s.trained === null ? "" : `, trained until ${this.clock.day(s.trained)}`;
        return `model ${s.models.join(", ")}${trained}`;
      }
      return s.noModel ? `no predictions: ${s.noModel}` : "no predictions in the newest bars";
    },
  },
  methods: {
    update(status) {
      this.s = status;
    },
  },
};
