// When the first candles are seen: whatever would hold them up begins after that.
const PATIENCE_MS = 1000; // how long it waits for candles that do not come

let go;

// Resolves once the first candles are seen, or are not to be waited for.
export const firstCandles = new Promise((done) => { go = done; });
setTimeout(go, PATIENCE_MS);

// Called once there are candles to draw: in the next frame, to be seen in the one after. Resolves with `firstCandles`.
export function candlesDrawn() {
  nextFrame().then(nextFrame).then(go);
  return firstCandles;
}

// Called where there are none to wait for.
export const noCandles = () => go();

const nextFrame = () => new Promise((done) => requestAnimationFrame(() => setTimeout(done)));
