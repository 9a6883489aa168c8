// Steps back and forward through what was drawn.
const MOST = 100;

export class Undo {
  constructor(state) {
    this._states = [state];
    this._at = 0;
  }

  get state() {
    return this._states[this._at];
  }

  // Takes a new state; what was undone before cannot be done again.
  put(state) {
    this._states = [...this._states.slice(0, this._at + 1), state].slice(-MOST);
    this._at = this._states.length - 1;
  }

  // Puts what was there before all of them under every state.
  lay(before) {
    this._states = this._states.map((state) => [...before, ...state]);
  }

  // Whether there is a state that many steps away.
  can(by) {
    return Boolean(this._states[this._at + by]);
  }

  // Goes `by` steps and returns the state there, null where there is none.
  go(by) {
    if (!this._states[this._at + by]) return null;
    this._at += by;
    return this.state;
  }
}
