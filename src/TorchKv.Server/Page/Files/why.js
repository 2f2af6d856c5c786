// Why the cache does not have more of a prompt.

import { headers } from './events.js';
import { html } from './colours.js';

/** Asks the server about a prompt. */
export async function explain(prompt, salt) {
  const response = await fetch('live/explain', {
    method: 'POST',
    headers: headers({ 'Content-Type': 'application/json' }),
    body: JSON.stringify({ prompt, ...(salt ? { cache_salt: salt } : {}) }),
  });
  const answer = await response.json();
  if (!response.ok) throw new Error(answer.error.message);
  return answer;
}

/** The answer as a picture: the reason, and both rows of tokens. */
export function drawWhy({ report, sentence, texts = [], nearest_texts }) {
  const hits = report.hit_blocks?.length || 0, total = Math.ceil(report.prompt_tokens / report.block_size);
  const cells = html('div', { class: 'why-blocks', 'aria-hidden': 'true' });
  for (let i = 0; i < total; i++) cells.append(html('i', { class: i < hits ? 'hit' : i === hits ? 'miss' : 'rest' }));
  const box = html('div', { class: 'why', 'data-reason': report.reason || 'caching_off', 'data-hits': hits }, cells, html('p', { class: 'reason' }, sentence));
  if (report.differing_position === undefined || report.reason !== 'different_token') return box;
  const start = hits * report.block_size, at = report.differing_position - start;
  const row = (name, tokens, other) => html('tr', {}, html('th', { scope: 'row' }, name),
    ...tokens.map((text, i) => html('td', { class: i === at ? 'differs' : i < at ? 'same' : '' }, show(text))));
  const hidden = new Array(report.block_size).fill('').map((_, i) => i < at ? texts[i] ?? '' : '•');
  const name = `Block ${hits}, tokens ${start} to ${start + report.block_size - 1}`;
  const rows = html('div', { class: 'rows', tabindex: 0, role: 'group', 'aria-label': name }, html('table', {},
    html('tbody', {}, row('this prompt', texts), row('cached', nearest_texts ?? hidden))));
  box.append(html('p', { class: 'hint' }, name), rows);
  requestAnimationFrame(() => {
    const cell = rows.querySelector('.differs');
    rows.scrollLeft = cell ? cell.offsetLeft - rows.clientWidth / 2 : 0;
  });
  if (!nearest_texts) box.append(html('p', { class: 'hint' }, 'The cached tokens are hidden; the server shows them with --page-text.'));
  return box;
}

const show = text => text.replaceAll(' ', '·').replaceAll('\n', '↵');
