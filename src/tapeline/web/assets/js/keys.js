// The keyboard, wherever no field or dialog has it.

const CHART_ONLY = new Set(["ArrowDown", "ArrowUp", "ArrowLeft", "ArrowRight", "+", "=", "-", "[", "]", "i", "r", "End", "/"]);

export function bindKeys(on) {
  const actions = {
    "/": on.search, "?": on.help, i: on.indicators, r: on.ranges, End: on.newest, Escape: on.leave,
    ArrowDown: () => on.move(1), ArrowUp: () => on.move(-1),
    ArrowLeft: () => on.pan(-0.2), ArrowRight: () => on.pan(0.2),
    "+": () => on.zoom(0.8), "=": () => on.zoom(0.8), "-": () => on.zoom(1.25),
    "[": () => on.interval(-1), "]": () => on.interval(1),
    1: () => on.tab(0), 2: () => on.tab(1), 3: () => on.tab(2), 4: () => on.tab(3),
  };
  addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
    if (event.target.closest("input, select, textarea, dialog, .scroll") || document.querySelector("dialog[open]")) return;
    if (CHART_ONLY.has(event.key) && document.body.dataset.tab !== "chart") return;
    if (!Object.hasOwn(actions, event.key)) return;
    event.preventDefault();
    actions[event.key]();
  });
}
