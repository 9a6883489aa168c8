// Colours for the canvas, from the same CSS variables as everything else.

export function palette() {
  const style = getComputedStyle(document.body);
  const read = (name) => style.getPropertyValue(`--tl-${name}`).trim();
  return {
    up: read("up"),
    down: read("down"),
    ink: read("ink"),
    soft: read("soft"),
    line: read("line"),
    panel: read("panel"),
    raised: read("raised"),
    band: read("band"),
    accent: read("accent"),
    lines: [1, 2, 3, 4, 5, 6].map((i) => read(`line-${i}`)),
    font: style.fontFamily,
  };
}

// Calls back whenever the page turns dark or light. Returns what ends it.
export function watchAppearance(callback) {
  let dark = document.body.classList.contains("body--dark");
  const observer = new MutationObserver(() => {
    if (dark !== document.body.classList.contains("body--dark")) {
      dark = !dark;
      callback();
    }
  });
  observer.observe(document.body, { attributes: true, attributeFilter: ["class"] });
  return () => observer.disconnect();
}
