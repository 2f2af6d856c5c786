// What is known of the engine, from the feed's events.

const KEPT_REQUESTS = 64, KEPT_STEPS = 300;

export class State {
  constructor() { this.clear(); }

  clear() {
    this.model = null;
    this.text = false;
    this.blockSize = 16;
    this.bytesPerBlock = 0;
    this.contextLength = 0;
    this.time = 0;
    this.seq = 0;
    this.blocks = [];           // by number; null: free
    this.texts = new Map();     // block number → texts of its tokens
    this.requests = new Map();  // request number → request, in the order in which they came
    this.steps = [];
    this.counters = {};
    this.most = { held: 0, sequences: 0 };
    this.waste = { looks: 0, unused: 0, reserved: 0 }; // sums over the looks at which sequences ran
    this.changed = [];          // [number, before, after] since the last drawing; null: everything
    this.version = 0;
  }

  /** Takes in one event of the feed, or one line of a recording. */
  apply(frame) {
    if (frame.type === 'snapshot') {
      this.clear();
      const { state } = frame;
      this.model = frame.model;
      this.text = !!frame.text;
      this.blockSize = state.block_size;
      this.bytesPerBlock = state.bytes_per_block;
      this.contextLength = state.context_length;
      this.blocks = new Array(state.total_blocks).fill(null);
      this.changed = null;
      this.#take(state, frame);
    } else if (frame.type === 'step' && frame.changes && this.blocks.length) {
      this.#take(frame.changes, frame);
    }
  }

  #take(part, frame) {
    this.seq = frame.seq || 0;
    this.time = part.time || 0;
    this.version++;
    for (const block of part.blocks || []) this.#takeBlock(block);
    for (const [index, texts] of Object.entries(frame.texts || {})) this.texts.set(+index, texts);
    for (const request of part.requests || []) this.#takeRequest(request);
    const last = this.steps.at(-1)?.number || 0;
    for (const step of part.steps || []) if (step.number > last) this.steps.push(step);
    if (this.steps.length > KEPT_STEPS) this.steps.splice(0, this.steps.length - KEPT_STEPS);
    this.counters = part.counters || {};
    this.most.held = Math.max(this.most.held, this.counters.held_blocks || 0);
    for (const step of part.steps || []) this.most.sequences = Math.max(this.most.sequences, step.sequences || 0);
    if (this.counters.running_sequences) {
      this.waste.looks++;
      this.waste.unused += this.counters.unused_token_slots || 0;
      this.waste.reserved += this.counters.unused_if_reserved || 0;
    }
  }

  #takeBlock(block) {
    const index = block.index || 0;
    const after = !block.state || block.state === 'free' ? null : { ...block, index };
    this.changed?.push([index, this.blocks[index], after]);
    this.blocks[index] = after;
    if (!after) this.texts.delete(index);
  }

  #takeRequest(request) {
    const number = request.number || 0;
    const first = request.first_span || 0;
    const before = this.requests.get(number)?.spans || [];
    this.requests.set(number, { ...request, number, spans: [...before.slice(0, first), ...request.spans] });
    for (const [old, { ended_at }] of this.requests) {
      if (this.requests.size <= KEPT_REQUESTS) break;
      if (ended_at !== undefined) this.requests.delete(old);
    }
  }

  /** The blocks in use. */
  used() { return this.blocks.filter(block => block); }
}

/** What a block is, in words. */
export function describe(state, index) {
  const block = state.blocks[index];
  if (index >= state.blocks.length || index < 0) return '';
  if (!block) return `Block ${index}: free.`;
  const who = block.requests?.length ? `request${block.requests.length > 1 ? 's' : ''} ${block.requests.join(', ')}`
    : block.state === 'held' ? 'a session' : 'no request';
  const start = (block.position || 0) * state.blockSize;
  const parts = [
    block.state === 'held' ? `held by ${who}` : 'cached: no request holds it, the next one may find it',
    `tokens ${start} to ${start + (block.filled || 1) - 1} of the text, ${block.filled || 0} of ${state.blockSize} places used`,
    `${block.holders || 0} holder${block.holders === 1 ? '' : 's'}`,
    tenantName(block.tenant || 0),
  ];
  if (block.state === 'cached') parts.push(`released ${Math.max(0, (state.time - (block.released_at || 0)) / 1000).toFixed(1)} s ago`);
  const text = state.texts.get(index);
  return `Block ${index}: ${parts.join('; ')}.${text ? ` “${text.join('')}”` : ''}`;
}

/** A tenant's name. Salts are secrets, so that they have numbers. */
export const tenantName = number => number ? `tenant ${number}` : 'no tenant';
