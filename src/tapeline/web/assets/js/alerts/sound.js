// A short tone for an alert. It is off until somebody asks for it; browsers play none before the page was used.
import { remember, remembered } from "../prefs.js";

const TONES = [[880, 0], [660, 0.16]]; // Hz, and when it begins, s
const LENGTH = 0.15; // s
const LOUDNESS = 0.2;

let context = null;
let quietUntil = 0; // alerts that come together make one sound

export const possible = "AudioContext" in globalThis;
export const wanted = () => possible && remembered("sound", false) === true;

// Turns the sound on, and plays it once to be heard, or off.
export function want(on) {
  remember("sound", on);
  if (on) play();
  quietUntil = 0; // an alert right after it is heard
}

export function play() {
  if (!wanted() || navigator.userActivation?.hasBeenActive === false || performance.now() < quietUntil) return;
  quietUntil = performance.now() + 1000;
  context ??= new AudioContext();
  context.resume();
  for (const [pitch, after] of TONES) {
    const [tone, volume] = [context.createOscillator(), context.createGain()];
    const begin = context.currentTime + after;
    tone.frequency.value = pitch;
    volume.gain.setValueAtTime(LOUDNESS, begin);
    volume.gain.exponentialRampToValueAtTime(0.001, begin + LENGTH);
    tone.connect(volume).connect(context.destination);
    tone.start(begin);
    tone.stop(begin + LENGTH);
  }
}
