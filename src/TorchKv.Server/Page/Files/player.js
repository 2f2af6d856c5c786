// What stands between the events and the picture: pause, step, slow, and the playing of a recording.

const MAX_WAITING = 3000, LONGEST_GAP_MS = 1000, SLOW = 4, MAX_BLOCKS = 1 << 20;

export class Player {
  #waiting = []; // frames of the feed that are not shown yet
  #timer = 0;
  lines = null; // of a recording
  at = 0;
  isPaused = false;
  isSlow = false;

  /** @param state The state that events go to. @param {() => void} onChange Called when the controls should be drawn. */
  constructor(state, onChange) {
    this.state = state;
    this.onChange = onChange;
  }

  /** An event of the feed. */
  take(data) {
    if (this.lines) return;
    const frame = JSON.parse(data);
    // A snapshot is a new beginning: what came before it is not shown any more.
    if (frame.type === 'snapshot') this.#waiting.length = 0;
    if (!this.isPaused && !this.isSlow) this.state.apply(frame);
    else if (this.#waiting.push(frame) > MAX_WAITING) this.#catchUp();
    else if (!this.isPaused) this.#schedule();
  }

  pause(isPaused) {
    this.isPaused = isPaused;
    this.#continue();
  }

  slow(isSlow) {
    this.isSlow = isSlow;
    this.#continue();
  }

  /** Shows one more event. */
  step() {
    if (this.lines) this.seek(this.at + 1);
    else if (this.#waiting.length) this.state.apply(this.#waiting.shift());
  }

  /** Plays a recording: lines of JSON. Throws, and changes nothing, where it is none. */
  play(text) {
    const lines = [];
    for (const line of text.split('\n')) {
      if (!line.trim()) continue;
      lines.push(check(line, lines.length + 1));
    }
    if (!lines.length) throw new Error('it is empty.');
    this.lines = lines;
    this.#waiting.length = 0;
    this.isPaused = false;
    this.at = -1;
    this.seek(0);
    this.#continue();
  }

  /** Goes to an event of the recording. */
  seek(to) {
    to = Math.max(0, Math.min(this.lines.length - 1, to));
    if (to <= this.at) this.at = -1;
    while (this.at < to) this.state.apply(this.lines[++this.at]);
    this.onChange();
  }

  get clock() { return `${((time(this.lines[this.at]) - time(this.lines[0])) / 1000).toFixed(1)} s`; }

  #catchUp() {
    this.isPaused = this.isSlow = false;
    this.#continue();
  }

  /** Goes on as pause and slow are now. */
  #continue() {
    clearTimeout(this.#timer);
    this.#timer = 0;
    if (!this.lines && !this.isPaused && !this.isSlow) this.#waiting.splice(0).forEach(frame => this.state.apply(frame));
    if (!this.isPaused) this.#schedule();
    this.onChange();
  }

  /** Shows the next event when its time comes. */
  #schedule() {
    if (this.#timer) return;
    const next = this.lines ? this.lines[this.at + 1] : this.#waiting[0];
    if (!next) {
      if (this.lines) { this.isPaused = true; this.onChange(); }
      return;
    }
    const now = this.lines ? time(this.lines[this.at]) : this.state.time;
    const gap = Math.max(0, Math.min(time(next) - now, LONGEST_GAP_MS)) * (this.isSlow ? SLOW : 1);
    this.#timer = setTimeout(() => {
      this.#timer = 0;
      this.step();
      this.#schedule();
    }, gap);
  }
}

const time = frame => (frame.state || frame.changes)?.time || 0;

/** A line of a recording as a frame. */
function check(line, number) {
  let frame;
  try {
    frame = JSON.parse(line);
  } catch (error) {
    throw new Error(`line ${number} is no JSON (${error.message}); was the file cut off?`);
  }
  const part = frame?.type === 'snapshot' ? frame.state : frame?.type === 'step' ? frame.changes : null;
  const count = frame?.state?.total_blocks;
  if (!part || (number === 1 && frame.type !== 'snapshot') || (frame.type === 'snapshot' && !(count >= 1 && count <= MAX_BLOCKS))) {
    throw new Error(`line ${number} is no event of the live page; a recording begins with a snapshot.`);
  }
  for (const name of ['blocks', 'requests', 'steps']) {
    if (part[name] !== undefined && !Array.isArray(part[name])) throw new Error(`line ${number} has ${name} that are no list.`);
  }
  return frame;
}
