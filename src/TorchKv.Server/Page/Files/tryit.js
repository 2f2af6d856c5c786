// The box to try: two prompts with a common beginning.

import { headers, readEvents } from './events.js';
import { html } from './colours.js';
import { drawWhy, explain } from './why.js';

const BEGINNING = 'Once upon a time there was a little girl named Lily. She lived in a small house near the forest with her mother and her father. One sunny morning she went outside to play, and under the big old tree she found';
const PROMPTS = [`${BEGINNING} a small red box.`, `${BEGINNING} a tiny lost bird.`];
const $ = id => document.getElementById(id);

export class TryIt {
  #running = null;

  constructor(state) {
    this.state = state;
    this.prompts = [...document.querySelectorAll('#try .prompt')].map((box, i) => promptBox(box, i));
    $('send').addEventListener('click', () => this.send());
    $('again').addEventListener('click', () => this.send());
    $('why').addEventListener('click', () => this.why());
    $('again').disabled = true;
  }

  /** Says for both prompts how much is cached now. */
  async why() {
    for (const { why, text, salt } of this.prompts) {
      try {
        why.replaceChildren(drawWhy(await explain(text.value, salt.value)));
      } catch (error) {
        why.replaceChildren(html('p', { class: 'error' }, error.message));
      }
    }
  }

  /** Sends both prompts at once; what was cached before is shown with each. */
  async send() {
    this.#running?.abort();
    this.#running = new AbortController();
    const { signal } = this.#running;
    await this.why();
    $('again').disabled = false;
    await Promise.all(this.prompts.map(prompt => this.#complete(prompt, signal)));
  }

  async #complete({ text, salt, answer, usage }, signal) {
    answer.textContent = '';
    usage.textContent = 'waiting';
    const body = {
      model: this.state.model, prompt: text.value, max_tokens: +$('max-tokens').value || 48, temperature: 0.8, seed: 7,
      n: $('four').checked ? 4 : 1, stream: true, stream_options: { include_usage: true },
      ...(salt.value ? { cache_salt: salt.value } : {}),
    };
    const answers = [];
    try {
      const response = await fetch('v1/completions', {
        method: 'POST', headers: headers({ 'Content-Type': 'application/json' }), body: JSON.stringify(body), signal,
      });
      if (!response.ok) throw new Error((await response.json()).error.message);
      for await (const { data } of readEvents(response)) {
        if (data === '[DONE]') break;
        const chunk = JSON.parse(data);
        if (chunk.error) throw new Error(chunk.error.message);
        if (chunk.choices.length) usage.textContent = 'generating';
        for (const { index, text: more } of chunk.choices) answers[index] = (answers[index] ?? '') + more;
        answer.textContent = answers.length > 1 ? answers.map((a, i) => `${i + 1}: ${a?.trim() ?? ''}`).join('\n') : answers[0] ?? '';
        if (chunk.usage) {
          const { prompt_tokens, completion_tokens, prompt_tokens_details } = chunk.usage;
          usage.textContent = `${prompt_tokens_details?.cached_tokens ?? 0} of ${prompt_tokens} prompt tokens from the cache, ${completion_tokens} generated`;
        }
      }
    } catch (error) {
      if (!signal.aborted) usage.textContent = error.message;
    }
  }
}

function promptBox(box, i) {
  const name = 'AB'[i];
  const text = html('textarea', { rows: 5, spellcheck: 'false', 'aria-label': `Prompt ${name}` });
  text.value = PROMPTS[i];
  const salt = html('select', { 'aria-label': `Tenant of prompt ${name}` },
    ...[['', 'no tenant'], ['one', 'tenant one'], ['two', 'tenant two']].map(([value, label]) => html('option', { value }, label)));
  const usage = html('p', { class: 'usage', 'aria-live': 'polite' }), answer = html('p', { class: 'answer' }), why = html('div', { class: 'because' });
  box.append(html('div', { class: 'prompt-head' }, html('h3', {}, `Prompt ${name}`), salt), text, why, usage, answer);
  return { text, salt, usage, answer, why };
}
