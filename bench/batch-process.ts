import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { MimcModule, MimcPushService } from '#mimc/index.js';
import { Exchange, type ExchangeReply } from '#mimc/transport/exchange.js';
import { Dispatcher } from 'undici';
import { bareHttp, TIMEOUTS } from './clients.js';
import { cpuMicros, hammer, median } from './measure.js';
import { credentials, message } from './message.js';
import { report } from './processes.js';

/** Measures the cost of a batch call without the network, and of its JSON alone: `<recipients>`. */
process.on('disconnect', () => process.exit());

const ROUNDS = 60;
const CALLS = 250;
/** Rounds before it is measured. */
const WARM_UP = 40;

/** Takes every request and gives the same answer once the call that sent it has returned, without a turn of the event loop. */
class Loopback extends Dispatcher {
  static readonly #headers = { 'content-type': 'application/json' };

  constructor(private readonly answer: Buffer) {
    super();
  }

  override dispatch(_request: Dispatcher.DispatchOptions, handler: Dispatcher.DispatchHandler): boolean {
    const controller: Dispatcher.DispatchController = {
      aborted: false,
      paused: false,
      reason: null,
      pause: () => {},
      resume: () => {},
      abort: () => {},
    };
    handler.onRequestStart?.(controller, {});
    queueMicrotask(() => {
      handler.onResponseStart?.(controller, 200, Loopback.#headers, 'OK');
      handler.onResponseData?.(controller, this.answer);
      handler.onResponseEnd?.(controller, {});
    });
    return true;
  }
}

const recipients = Number(process.argv[2]);
const toAccounts = Array.from({ length: recipients }, (_, index) => `user-${100_000 + index}`);
const packetIds = toAccounts.map((_, index) => `packet-${1_000_000_000 + index}`);
const answer = Buffer.from(JSON.stringify({ code: 200, data: { packetIds }, message: 'success' }));

const imports = [MimcModule.forRoot({ ...credentials, quota: false, dispatcher: new Loopback(answer) })];
@Module({ imports })
class AppModule {}
const app = await NestFactory.createApplicationContext(AppModule, { logger: false });
const push = app.get(MimcPushService);

const { axiosRef } = bareHttp(new Loopback(answer), 'http://loopback');

const read = (text: string) => (JSON.parse(text) as { data: { packetIds: string[] } }).data.packetIds.at(-1);

/** What takes its turn in every round. */
const turns = {
  call: async () => (await push.toAccounts({ ...message, toAccounts })).packetIds.at(-1),
  bare: async () => {
    const data = new Exchange(
      { method: 'POST', path: '/', body: JSON.stringify({ ...credentials, ...message, toAccounts }) },
      TIMEOUTS,
    );
    return read((await axiosRef.request<ExchangeReply>({ method: 'post', data })).data.body ?? '');
  },
  stringify: async () => JSON.stringify({ ...credentials, ...message, toAccounts }),
  parse: async () => read(answer.toString()),
};

async function measure(turn: () => Promise<string | undefined>): Promise<number> {
  const before = cpuMicros();
  await hammer(turn, CALLS, 1);
  return (cpuMicros() - before) / CALLS;
}

const names = ['call', 'bare', 'stringify', 'parse'] as const;
const samples: Record<(typeof names)[number], number[]> = { call: [], bare: [], stringify: [], parse: [] };
for (let round = 0; round < WARM_UP + ROUNDS; round += 1) {
  for (const name of names) {
    const micros = await measure(turns[name]);
    if (round >= WARM_UP) samples[name].push(micros);
  }
}
await app.close();

const [call = 0, bare = 0, stringify = 0, parse = 0] = names.map((name) => median(samples[name]));
report({ call, bare, stringify, parse, rest: call - stringify - parse, overBare: call - bare });
