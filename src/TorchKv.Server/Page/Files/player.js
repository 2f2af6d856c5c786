// What stands between the events and the picture: pause, step, and the playing of a recording.

const MAX_PAUSED = 3000, LONGEST_GAP_MS = 1000;

export class Player {
  #waiting = [];
  #timer = 0;
  lines = null; // of a recording
  at = 0;
  isPaused = false;

  /** @param state The state that events go to. @param {() => void} onChange Called when the controls should be drawn. */
  constructor(state, onChange) {
    this.state = state;
    this.onChange = onChange;
  }

  /** An event of the feed. */
  take(data) {
    if (this.lines) return;
    if (!this.isPaused) this.state.apply(JSON.parse(data));
    else if (this.#waiting.push(data) > MAX_PAUSED) this.pause(false);
  }

  pause(isPaused) {
    this.isPaused = isPaused;
    if (this.lines) this.#schedule();
    else if (!isPaused) this.#waiting.splice(0).forEach(data => this.state.apply(JSON.parse(data)));
    this.onChange();
  }

  /** Shows one more event. */
  step() {
    if (this.lines) this.seek(this.at + 1);
    else if (this.#waiting.length) this.state.apply(JSON.parse(this.#waiting.shift()));
  }

  /** Plays a recording: lines of JSON. */
  play(text) {
    const lines = text.split('\n').filter(line => line.trim()).map(line => JSON.parse(line));
    if (lines[0]?.type !== 'snapshot') throw new Error('A recording begins with a snapshot.');
    this.lines = lines;
    this.isPaused = false;
    this.at = -1;
    this.seek(0);
    this.#schedule();
  }

  /** Goes to an event of the recording. */
  seek(to) {
    to = Math.max(0, Math.min(this.lines.length - 1, to));
    if (to <= this.at) this.at = -1;
    while (this.at < to) this.state.apply(this.lines[++this.at]);
    this.onChange();
  }

  get clock() { return `${((time(this.lines[this.at]) - time(this.lines[0])) / 1000).toFixed(1)} s`; }

  #schedule() {
    clearTimeout(this.#timer);
    if (this.isPaused || this.at >= this.lines.length - 1) {
      if (!this.isPaused && this.at >= this.lines.length - 1) { this.isPaused = true; this.onChange(); }
      return;
    }
    const gap = time(this.lines[this.at + 1]) - time(this.lines[this.at]);
    this.#timer = setTimeout(() => { this.seek(this.at + 1); this.#schedule(); }, Math.max(0, Math.min(gap, LONGEST_GAP_MS)));
  }
}

const time = frame => (frame.state || frame.changes).time || 0;
