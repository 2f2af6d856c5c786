// The requests: a lane each over one time axis, in which stretches without any request are left out.

import { html, legend, PHASES, requestColour, svg } from './colours.js';
import { tenantName } from './state.js';

const SHOWN = 12, ROW = 30, BREAK = 14;

export class Lanes {
  constructor(box, state) {
    this.box = box;
    this.state = state;
    legend(document.querySelector('#lane-legend'), [
      ['', 'Upper bar, time:'], ...Object.entries(PHASES).map(([phase, { name }]) => [phase, name]),
      ['', 'Lower bar, tokens:'], ['saved', 'prompt, from the cache'], ['computed', 'prompt, computed'], ['generated', 'generated'],
    ]);
  }

  draw() {
    const all = [...this.state.requests.values()];
    const live = all.filter(request => request.ended_at === undefined);
    const ended = all.filter(request => request.ended_at !== undefined).slice(-Math.max(2, SHOWN - live.length));
    const shown = [...ended, ...live].sort((a, b) => b.number - a.number).slice(0, SHOWN);
    if (!shown.length) {
      this.box.replaceChildren(html('p', { class: 'empty' }, 'No request yet. Send the two prompts.'));
      return;
    }
    const width = Math.max(120, this.box.clientWidth - 2);
    const scale = timeScale(shown, this.state.time, width);
    this.box.replaceChildren(...shown.map(request => this.#lane(request, width, scale)));
    if (live.length + ended.length > shown.length) {
      this.box.append(html('p', { class: 'empty' }, `and ${live.length + ended.length - shown.length} more`));
    }
  }

  #lane(request, width, scale) {
    const bar = svg('svg', { width, height: 12, 'aria-hidden': 'true' });
    for (const x of scale.breaks) bar.append(svg('path', { d: `M${x} 0l4 4l-4 4l4 4`, class: 'break' }));
    for (const span of request.spans) {
      const from = scale(span.from || 0), to = scale(request.ended_at === undefined && span === request.spans.at(-1) ? this.state.time : span.to || 0);
      bar.append(svg('rect', { x: from, y: 1, width: Math.max(1.5, to - from - (span.phase === 'prefill' ? 0.5 : 0)), height: 10, class: `span ${span.phase || 'queued'}` }));
    }
    if (request.ended_at !== undefined) bar.append(svg('rect', { x: scale(request.ended_at) - 1, y: 0, width: 2, height: 12, class: `end ${request.phase}` }));
    const swatch = svg('svg', { width: 10, height: 10, 'aria-hidden': 'true' }, svg('rect', { width: 10, height: 10, rx: 2, fill: requestColour(request.number) }));
    const name = html('span', { class: 'name' }, swatch, ` ${request.number}`);
    if (request.tenant) name.append(html('small', {}, ` ${tenantName(request.tenant)}`));
    return html('div', { class: 'lane', 'data-request': request.number, 'data-phase': request.phase || 'queued' },
      html('div', { class: 'facts' }, name, html('span', { class: 'stats' }, facts(request, this.state.time))), bar, tokens(request, width));
  }
}

/** What a request cost and got, in words. */
function facts(request, now) {
  const { submitted_at = 0, first_token_at, ended_at, generated_tokens = 0, sequences = 1 } = request;
  const parts = [request.phase || 'queued', `${request.cached_tokens || 0} of ${request.prompt_tokens || 0} cached`];
  if (first_token_at !== undefined) {
    const seconds = ((ended_at ?? now) - first_token_at) / 1000;
    parts.push(`first token ${(first_token_at - submitted_at).toFixed(0)} ms`);
    if (seconds > 0 && generated_tokens > sequences) parts.push(`${Math.round((generated_tokens - sequences) / seconds)} tokens/s`);
  }
  if (request.drafted_tokens) parts.push(`${request.accepted_draft_tokens || 0} of ${request.drafted_tokens} drafts`);
  if (request.preemptions) parts.push(`${request.preemptions} × preempted`);
  return parts.join(' · ');
}

/** A bar of the request's tokens: from the cache, computed, generated. */
function tokens(request, width) {
  const { prompt_tokens = 0, cached_tokens = 0, generated_tokens = 0 } = request;
  const unit = width / Math.max(1, prompt_tokens + generated_tokens, 64);
  const bar = svg('svg', { width, height: 5, 'aria-hidden': 'true' });
  let x = 0;
  for (const [count, name] of [[cached_tokens, 'saved'], [prompt_tokens - cached_tokens, 'computed'], [generated_tokens, 'generated']]) {
    if (count > 0) bar.append(svg('rect', { x, y: 0, width: count * unit, height: 5, class: name }));
    x += count * unit;
  }
  return bar;
}

/** A map from time to pixels over the times when a request was there; other times are a break. */
function timeScale(requests, now, width) {
  const lives = requests.map(r => [r.submitted_at || 0, r.ended_at ?? now]).sort((a, b) => a[0] - b[0]);
  const pieces = [];
  for (const [from, to] of lives) {
    const last = pieces.at(-1);
    if (last && from <= last[1] + 50) last[1] = Math.max(last[1], to);
    else pieces.push([from, to]);
  }
  const total = pieces.reduce((sum, [from, to]) => sum + Math.max(1, to - from), 0);
  const unit = (width - 4 - BREAK * (pieces.length - 1)) / total;
  const starts = [];
  let x = 0;
  for (const [from, to] of pieces) { starts.push(x); x += Math.max(1, to - from) * unit + BREAK; }
  const scale = t => {
    let i = pieces.length - 1;
    while (i > 0 && t < pieces[i][0]) i--;
    return starts[i] + Math.max(0, Math.min(t, pieces[i][1]) - pieces[i][0]) * unit;
  };
  scale.breaks = starts.slice(1).map(start => start - BREAK / 2 - 2);
  return scale;
}
