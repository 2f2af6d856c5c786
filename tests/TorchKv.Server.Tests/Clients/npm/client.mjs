// What the official client reads of a server, as JSON on standard output. BASE_URL is the server's address.
import OpenAI from 'openai';

const client = new OpenAI({ baseURL: process.env.BASE_URL, apiKey: 'any', maxRetries: 0 });
const ask = { model: 'storyteller', messages: [{ role: 'user', content: 'Tell me a story.' }], max_tokens: 10, temperature: 0 };
const seen = {};

const plain = await client.chat.completions.create(ask);
seen.plain = plain.choices[0].message.content;
seen.plainTokens = plain.usage.completion_tokens;
seen.requestId = plain._request_id;

seen.streamed = '';
for await (const chunk of await client.chat.completions.create({ ...ask, stream: true, stream_options: { include_usage: true } })) {
  seen.streamed += chunk.choices[0]?.delta?.content ?? '';
  seen.streamedTokens = chunk.usage?.completion_tokens;
}

try {
  await client.chat.completions.create({ ...ask, max_tokens: 5000 });
} catch (error) {
  seen.errorStatus = error.status;
  seen.errorCode = error.code;
  seen.errorParam = error.param;
}

const stream = await client.chat.completions.create({ ...ask, max_tokens: 400, stream: true });
for await (const chunk of stream) {
  if (chunk.choices[0]?.delta?.content) {
    stream.controller.abort();
    break;
  }
}
seen.cancelled = stream.controller.signal.aborted;

seen.completion = (await client.completions.create({ model: 'storyteller', prompt: 'Once', max_tokens: 5 })).choices[0].text;
seen.response = (await client.responses.create({ model: 'storyteller', input: 'Hi', max_output_tokens: 5 })).output_text;

console.log(JSON.stringify(seen));
