// Files and batches with OpenAI's client; what came of them goes to standard output as JSON.
import OpenAI, { toFile } from 'openai';

const client = new OpenAI({ baseURL: process.env.BASE_URL, apiKey: 'any', maxRetries: 0 });
const lines = [0, 1, 2].map(i => JSON.stringify({
  custom_id: `line-${i}`,
  method: 'POST',
  url: '/v1/chat/completions',
  body: { model: 'storyteller', messages: [{ role: 'user', content: `Tell ${i}` }], max_tokens: 5 },
}));
const file = await client.files.create({
  file: await toFile(Buffer.from(lines.join('\n')), 'in.jsonl'),
  purpose: 'batch',
});
let batch = await client.batches.create({
  input_file_id: file.id,
  endpoint: '/v1/chat/completions',
  completion_window: '24h',
  metadata: { from: 'npm' },
});
const until = Date.now() + 60000;
while (!['completed', 'failed', 'expired'].includes(batch.status) && Date.now() < until) {
  await new Promise(resolve => setTimeout(resolve, 50));
  batch = await client.batches.retrieve(batch.id);
}

const output = await (await client.files.content(batch.output_file_id)).text();
const answers = output.trim().split('\n').map(line => JSON.parse(line));
const listed = [];
for await (const one of client.batches.list({ limit: 1 })) listed.push(one.id);
const files = [];
for await (const one of client.files.list({ limit: 1 })) files.push(one.id);
let missing;
try {
  await client.batches.cancel('batch_none');
} catch (error) {
  missing = error;
}

const gone = await client.files.delete(file.id);
console.log(JSON.stringify({
  status: batch.status,
  ids: answers.map(answer => answer.custom_id),
  texts: answers.map(answer => answer.response.body.choices[0].message.content),
  listed: listed.includes(batch.id) && files.includes(file.id) && files.includes(batch.output_file_id),
  missingStatus: missing.status,
  missingCode: missing.code,
  deleted: gone.deleted,
}));
