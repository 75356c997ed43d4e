import { NestFactory } from '@nestjs/core';
import { Module } from '@nestjs/common';
import { inPages, MimcBroadcastService, MimcModule } from '#mimc/index.js';
import { Pool } from 'undici';
import { cpuMicros } from './measure.js';
import { credentials, message } from './message.js';
import { report } from './processes.js';

/** Measures one broadcast: `<by> <source> <url of the stub> <people>`. */
process.on('disconnect', () => process.exit());

const CHUNK = 100;
const CONCURRENCY = 32;
const PAGE = 1_000;
/** People sent to before it is measured: a broadcast of a second runs mostly in code that is not compiled yet. */
const WARM_UP = 400_000;

type Audience = AsyncIterable<string> | AsyncIterable<readonly string[]>;

async function* ids(people: number): AsyncGenerator<string> {
  for (let index = 0; index < people; index += 1) yield `user-${index}`;
}

async function* pages(people: number): AsyncGenerator<string[]> {
  for (let first = 0; first < people; first += PAGE) {
    yield Array.from({ length: Math.min(PAGE, people - first) }, (_, index) => `user-${first + index}`);
  }
}

const sources: Readonly<Record<string, (people: number) => Audience>> = { ids, pages };

/** Each sends to the whole audience and returns to how many it has. */
const senders: Readonly<Record<string, (url: string, audience: Audience) => Promise<number>>> = {
  async library(url, audience) {
    const imports = [MimcModule.forRoot({ ...credentials, baseUrl: url, quota: false })];
    @Module({ imports })
    class AppModule {}
    const app = await NestFactory.createApplicationContext(AppModule, { logger: false });
    const options = { chunkSize: CHUNK, concurrency: CONCURRENCY };
    const recipients =
      from === 'pages' ? inPages(audience as AsyncIterable<string[]>) : (audience as AsyncIterable<string>);
    const { accepted } = await app.get(MimcBroadcastService).toAccounts(recipients, message, options).drain();
    await app.close();
    return accepted;
  },

  /** What one would write by hand, without a result for each chunk. */
  async undici(url, audience) {
    const { origin, pathname } = new URL(url);
    const pool = new Pool(origin);
    const path = `${pathname}/api/push/p2p/more`;
    const headers = { 'content-type': 'application/json' };
    const chunks = inChunks(audience);
    let accepted = 0;
    const lane = async () => {
      for (let chunk = await chunks.next(); !chunk.done; chunk = await chunks.next()) {
        const body = JSON.stringify({ ...credentials, ...message, toAccounts: chunk.value });
        const reply = await pool.request({ path, method: 'POST', headers, body });
        const { code } = (await reply.body.json()) as { code: number };
        if (code === 200) accepted += chunk.value.length;
      }
    };
    await Promise.all(Array.from({ length: CONCURRENCY }, lane));
    await pool.close();
    return accepted;
  },
};

async function* inChunks(audience: Audience): AsyncGenerator<string[], undefined, undefined> {
  let chunk: string[] = [];
  for await (const entry of audience) {
    for (const account of typeof entry === 'string' ? [entry] : entry) {
      if (chunk.push(account) < CHUNK) continue;
      yield chunk;
      chunk = [];
    }
  }
  if (chunk.length > 0) yield chunk;
  return undefined;
}

const [by = '', from = '', stub = '', count] = process.argv.slice(2);
const send = senders[by];
const read = sources[from];
if (send === undefined || read === undefined) throw new Error(`There is no broadcast by ${by} from ${from}`);
const people = Number(count);
const url = `${stub}/${CHUNK}`;

await send(url, read(WARM_UP));
const before = cpuMicros();
const begin = performance.now();
const accepted = await send(url, read(people));
const ms = performance.now() - begin;
if (accepted !== people) throw new Error(`Sent to ${accepted} of ${people}`);
report({
  rate: (people / ms) * 1_000,
  cpu: (cpuMicros() - before) / people,
  rss: process.resourceUsage().maxRSS / 1024,
});
