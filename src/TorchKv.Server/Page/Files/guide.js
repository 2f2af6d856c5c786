// What a visitor can cause, in four short steps; each says what was seen of it.

import { html } from './colours.js';

const count = (n, one, many = `${one}s`) => `${n.toLocaleString('en')} ${n === 1 ? one : many}`;

const IDEAS = [
  {
    name: 'Paging',
    text: 'A request keeps its tokens in blocks of 16, taken one by one as it grows.',
    does: 'send', button: 'Send both',
    seen: ({ most }) => most.held && `up to ${count(most.held, 'block')} held at once`,
  },
  {
    name: 'Prefix sharing',
    text: 'Both prompts begin alike. The blocks of that beginning are computed once, and shared: hatched, with the number of holders.',
    does: 'again', button: 'Send again',
    seen: ({ counters }) => counters.prefix_hit_tokens && `${count(counters.prefix_hit_tokens, 'prompt token')} found again`,
  },
  {
    name: 'Batching',
    text: 'A step computes the next token of every running answer at once.',
    does: 'four', button: 'Four answers each',
    seen: ({ most }) => most.sequences > 2 && `up to ${count(most.sequences, 'answer')} in one step`,
  },
  {
    name: 'Preemption',
    text: 'When the pool is full, the request that came last gives its blocks back, waits, and is computed again.',
    does: 'fill', button: 'Fill the pool',
    seen: ({ counters }) => counters.preemptions && `${count(counters.preemptions, 'preemption')}, ${count(counters.evictions || 0, 'eviction')}`,
  },
];

export class Guide {
  #items;

  /** @param list The list to fill. @param state What is known of the engine. @param {Record<string, () => void>} actions What the buttons do. */
  constructor(list, state, actions) {
    this.state = state;
    this.#items = IDEAS.map(idea => {
      const button = html('button', { 'data-do': idea.does }, idea.button);
      const seen = html('p', { class: 'seen' });
      const item = html('li', { 'data-idea': idea.does }, html('h3', {}, idea.name), html('p', {}, idea.text), html('div', { class: 'act' }, button, seen));
      button.addEventListener('click', () => actions[idea.does]());
      return { idea, item, button, seen };
    });
    list.replaceChildren(...this.#items.map(({ item }) => item));
    this.draw();
  }

  draw() {
    let isNext = true;
    for (const { idea, item, button, seen } of this.#items) {
      const what = this.state.blocks.length ? idea.seen(this.state) : null;
      item.classList.toggle('done', !!what);
      item.classList.toggle('next', !what && isNext);
      button.classList.toggle('main', !what && isNext);
      if (!what) isNext = false;
      const text = what ? `✓ ${what}` : '';
      if (seen.textContent !== text) seen.textContent = text;
    }
  }
}
