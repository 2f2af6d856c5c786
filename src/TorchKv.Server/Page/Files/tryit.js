// The box to try: two prompts with a common beginning.

import { headers, readEvents } from './events.js';
import { html } from './colours.js';
import { drawWhy, explain } from './why.js';

const BEGINNING = 'Once upon a time there was a little girl named Lily. She lived in a small house near the forest with her mother and her father. One sunny morning she went outside to play, and under the big old tree she found';
const PROMPTS = [`${BEGINNING} a small red box.`, `${BEGINNING} a tiny lost bird.`];
const SCHEMA = { type: 'object', properties: { name: { type: 'string', maxLength: 20 }, age: { type: 'integer', minimum: 1, maximum: 12 }, likes_birds: { type: 'boolean' } }, required: ['name', 'age', 'likes_birds'], additionalProperties: false };
const MOST_REQUESTS = 16, ANSWERS = 4;
const $ = id => document.getElementById(id);

export class TryIt {
  #running = null;

  constructor(state) {
    this.state = state;
    this.prompts = [...document.querySelectorAll('#try .prompt')].map((box, i) => promptBox(box, i));
    $('schema').value = JSON.stringify(SCHEMA);
    $('schema-on').addEventListener('change', event => { $('schema').hidden = !event.target.checked; });
    $('send').addEventListener('click', () => this.send());
    $('again').addEventListener('click', () => this.send());
    $('why').addEventListener('click', () => this.why());
    $('stop').addEventListener('click', () => this.#running?.abort());
  }

  /** Says for both prompts how much is cached now. */
  async why() {
    return Promise.all(this.prompts.map(async ({ why, text, salt }) => {
      try {
        const answer = await explain(text.value, salt.value);
        why.replaceChildren(drawWhy(answer));
        return answer.report;
      } catch (error) {
        why.replaceChildren(html('p', { class: 'error' }, error.message));
        return null;
      }
    }));
  }

  /** Sends both prompts at once; what was cached before is shown with each. */
  send() {
    return this.#run(async signal => {
      await this.why();
      $('again').disabled = false;
      await Promise.all(this.prompts.map(prompt => this.#show(prompt, signal)));
    });
  }

  /** Sends both prompts with several answers each. */
  sendFour() {
    $('four').checked = true;
    return this.send();
  }

  /** Sends so many long answers that the pool has no room for all of them. */
  fill() {
    return this.#run(async signal => {
      const reports = await this.why();
      const plan = fillPlan(this.state, Math.max(1, ...reports.map(report => report?.prompt_tokens || 0)));
      if (!plan) {
        $('try-status').textContent = `${MOST_REQUESTS} requests cannot fill a pool of ${this.state.blocks.length.toLocaleString('en')} blocks. Start the server with a smaller one, for instance --blocks 64.`;
        return;
      }
      let done = 0;
      const say = () => { $('try-status').textContent = `${plan.requests} requests with ${ANSWERS} answers of ${plan.tokens} tokens each: ${done} done.`; };
      say();
      await Promise.all(Array.from({ length: plan.requests }, async (_, i) => {
        const { text, salt } = this.prompts[i % 2];
        for await (const chunk of this.#stream({ prompt: text.value, salt: salt.value, signal, n: ANSWERS, max_tokens: plan.tokens, seed: i, ignore_eos: true })) void chunk;
        done++;
        say();
      }));
    });
  }

  async #run(work) {
    this.#running?.abort();
    const running = this.#running = new AbortController();
    $('try-status').textContent = '';
    $('stop').hidden = false;
    try {
      await work(running.signal);
    } catch (error) {
      $('try-status').textContent = running.signal.aborted ? 'Stopped.' : error.message;
    }
    if (this.#running === running) $('stop').hidden = true;
  }

  async #show({ text, salt, answer, usage }, signal) {
    answer.textContent = '';
    usage.textContent = 'waiting';
    const answers = [];
    try {
      const asked = {
        prompt: text.value, salt: salt.value, signal, n: $('four').checked ? ANSWERS : 1, max_tokens: +$('max-tokens').value || 48,
        ...($('speculation').value ? { speculation: $('speculation').value } : {}),
        ...($('schema-on').checked ? { response_format: { type: 'json_schema', json_schema: { name: 'answer', schema: JSON.parse($('schema').value) } } } : {}),
      };
      for await (const chunk of this.#stream(asked)) {
        if (chunk.choices.length) usage.textContent = 'generating';
        for (const { index, text: more } of chunk.choices) answers[index] = (answers[index] ?? '') + more;
        answer.textContent = answers.length > 1 ? answers.map((a, i) => `${i + 1}: ${a?.trim() ?? ''}`).join('\n') : answers[0]?.trimStart() ?? '';
        if (chunk.usage) {
          const { prompt_tokens, completion_tokens, prompt_tokens_details } = chunk.usage;
          usage.textContent = `${prompt_tokens_details?.cached_tokens ?? 0} of ${prompt_tokens} prompt tokens from the cache, ${completion_tokens} generated`;
        }
      }
    } catch (error) {
      usage.textContent = signal.aborted ? 'stopped' : error instanceof SyntaxError ? `The schema is no JSON: ${error.message}` : error.message;
    }
  }

  async* #stream({ salt, signal, ...asked }) {
    const body = { model: this.state.model, temperature: 0.8, seed: 7, stream: true, stream_options: { include_usage: true }, ...asked, ...(salt ? { cache_salt: salt } : {}) };
    const response = await fetch('v1/completions', {
      method: 'POST', headers: headers({ 'Content-Type': 'application/json' }), body: JSON.stringify(body), signal,
    });
    if (!response.ok) throw new Error((await response.json()).error.message);
    for await (const { data } of readEvents(response)) {
      if (data === '[DONE]') return;
      const chunk = JSON.parse(data);
      if (chunk.error) throw new Error(chunk.error.message);
      yield chunk;
    }
  }
}

/** How many requests of how many tokens need one and a half times the pool; null where so many would be too many. */
export function fillPlan({ blocks, blockSize, contextLength }, promptTokens) {
  const shared = Math.floor(promptTokens / blockSize);
  const need = tokens => shared + ANSWERS * (Math.ceil((promptTokens + tokens) / blockSize) - shared);
  let tokens = Math.min(400, contextLength - promptTokens - 1);
  while (tokens > blockSize && need(tokens) > 0.6 * blocks.length) tokens -= blockSize;
  const requests = Math.max(2, Math.ceil(1.5 * blocks.length / need(tokens)));
  return requests <= MOST_REQUESTS ? { requests, tokens } : null;
}

function promptBox(box, i) {
  const name = 'AB'[i];
  const text = html('textarea', { rows: 5, spellcheck: 'false', 'aria-label': `Prompt ${name}` });
  text.value = PROMPTS[i];
  const salt = html('select', { 'aria-label': `Tenant of prompt ${name}`, title: 'Tenants never share blocks' },
    ...[['', 'no tenant'], ['one', 'tenant one'], ['two', 'tenant two']].map(([value, label]) => html('option', { value }, label)));
  const usage = html('p', { class: 'usage', 'aria-live': 'polite' }), answer = html('p', { class: 'answer', 'aria-label': `Answer to prompt ${name}` }), why = html('div', { class: 'because' });
  box.append(html('div', { class: 'prompt-head' }, html('h3', {}, `Prompt ${name}`), salt), text);
  $('results').append(html('div', { class: 'result' }, html('h3', { class: 'narrow' }, `Prompt ${name}`), why, usage, answer));
  return { text, salt, usage, answer, why };
}
