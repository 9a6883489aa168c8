// What this browser remembers. A browser that refuses to remember, or remembers nonsense, is no reason to stop.

const PREFIX = "tapeline.";

export function remembered(name, otherwise) {
  try {
    const kept = localStorage.getItem(PREFIX + name);
    return kept === null ? otherwise : JSON.parse(kept);
  } catch {
    return otherwise;
  }
}

export function remember(name, value) {
  try {
    localStorage.setItem(PREFIX + name, JSON.stringify(value));
  } catch {
    // private windows and full quotas
  }
}
