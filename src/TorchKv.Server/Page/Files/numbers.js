// The three numbers, the pool's line, and the table for those who do not see the pictures.

import { html } from './colours.js';
import { tenantName } from './state.js';

const format = new Intl.NumberFormat('en');
const $ = id => document.getElementById(id);

export function drawNumbers(state) {
  const { prefix_hit_tokens: hits = 0, prompt_tokens: prompts = 0, free_blocks = 0, held_blocks = 0, cached_blocks = 0, evictions = 0, preemptions = 0 } = state.counters;
  $('saved').textContent = format.format(hits);
  $('saved-text').textContent = hits ? `of ${format.format(prompts)} prompt tokens were in the cache, so the model did not run for them.` : 'No prompt token was found in the cache yet.';
  $('rate').textContent = prompts ? `${Math.round(100 * hits / prompts)} %` : '–';
  const { looks, unused, reserved } = state.waste;
  if (looks) {
    $('waste').textContent = format.format(Math.round(unused / looks));
    $('waste-text').textContent = `empty places in held blocks, on average; ${format.format(Math.round(reserved / looks))} if each answer had ${format.format(state.contextLength)} reserved.`;
  }
  $('pool').textContent = state.blocks.length
    ? `${format.format(held_blocks)} held, ${format.format(cached_blocks)} cached, ${format.format(free_blocks)} free · ${format.format(evictions)} evicted, ${format.format(preemptions)} preempted`
    : '';
}

export function drawTables(state) {
  const row = cells => html('tr', {}, ...cells.map(cell => html('td', {}, String(cell))));
  $('block-table').tBodies[0].replaceChildren(...state.used().slice(0, 500).map(block => row([
    block.index, block.state, block.requests?.join(', ') ?? '', block.holders || 0, block.filled || 0, block.position || 0, tenantName(block.tenant || 0),
  ])));
  $('request-table').tBodies[0].replaceChildren(...[...state.requests.values()].reverse().map(r => row([
    r.number, r.phase || 'queued', tenantName(r.tenant || 0), r.prompt_tokens || 0, r.cached_tokens || 0, r.generated_tokens || 0,
    r.first_token_at === undefined ? '' : `${(r.first_token_at - (r.submitted_at || 0)).toFixed(0)} ms`, r.preemptions || 0,
  ])));
}
