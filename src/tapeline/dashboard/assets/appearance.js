// Dark, light, or as the system says (the default). The choice stays in this browser.
const KEY = "tapeline.appearance";
const NEXT = { auto: "dark", dark: "light", light: "auto" };
const SIGN = { auto: "◐", dark: "●", light: "○" };

export default {
  template: `
    <button type="button" class="tl-appearance" @click="turn" :title="'Appearance: ' + names[choice] + '. Click to change.'">
      <span aria-hidden="true">{{ sign[choice] }}</span> {{ names[choice] }}
    </button>`,
  data: () => ({ choice: "auto", sign: SIGN, names: { auto: "System", dark: "Dark", light: "Light" } }),
  mounted() {
    const kept = localStorage.getItem(KEY);
    if (kept in NEXT) this.apply(kept);
  },
  methods: {
    turn() {
      this.apply(NEXT[this.choice]);
      localStorage.setItem(KEY, this.choice);
    },
    apply(choice) {
      this.choice = choice;
      Quasar.Dark.set(choice === "auto" ? "auto" : choice === "dark");
    },
  },
};
