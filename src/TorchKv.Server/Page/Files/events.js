// Server-sent events over fetch, which unlike EventSource can send a key.

/** Headers with the key that the reader has given, if any. */
export function headers(more = {}) {
  const key = sessionStorage.getItem('torchkv-key');
  return key ? { ...more, Authorization: `Bearer ${key}` } : more;
}

/** The events of a response: id, event and data of each. */
export async function* readEvents(response) {
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let text = '';
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    text += value;
    for (let end; (end = text.indexOf('\n\n')) >= 0; text = text.slice(end + 2)) {
      const event = { id: null, event: 'message', data: '' };
      for (const line of text.slice(0, end).split('\n')) {
        const colon = line.indexOf(': ');
        if (colon > 0) event[line.slice(0, colon)] = line.slice(colon + 2);
      }
      if (event.data) yield event;
    }
  }
}

/** Follows the feed for as long as the page is open, and takes up where a broken connection ended. */
export class Feed {
  #lastId = null;
  #abort = new AbortController();

  /** @param {(data: string) => void} onEvent @param {(state: string, text: string, problem?: string) => void} onStatus */
  constructor(onEvent, onStatus) {
    this.onEvent = onEvent;
    this.onStatus = onStatus;
  }

  async run() {
    const { signal } = this.#abort;
    for (let wait = 500; !signal.aborted; wait = Math.min(wait * 2, 5000)) {
      try {
        const sent = headers(this.#lastId ? { 'Last-Event-ID': this.#lastId } : {});
        const response = await fetch('live/events', { headers: sent, signal });
        if (response.ok) {
          this.onStatus('live', 'live');
          for await (const { id, data } of readEvents(response)) {
            if (signal.aborted) return;
            this.#lastId = id;
            this.onEvent(data);
            wait = 250;
          }
        } else {
          const problem = await response.json().then(answer => answer.error.message, () => `The server answers ${response.status}.`);
          const isFinal = [401, 403, 404].includes(response.status);
          this.onStatus(response.status === 401 ? 'key' : 'wait', isFinal ? 'refused' : 'waiting', problem);
          if (isFinal) return;
          await new Promise(resolve => setTimeout(resolve, 3000));
          continue;
        }
      } catch {
        if (signal.aborted) return;
      }
      this.onStatus('wait', 'connecting');
      await new Promise(resolve => setTimeout(resolve, wait));
    }
  }

  /** Begins again with a snapshot. */
  restart() {
    this.#abort.abort();
    this.#abort = new AbortController();
    this.#lastId = null;
    this.onStatus('wait', 'connecting');
    this.run();
  }

  stop() { this.#abort.abort(); }
}
