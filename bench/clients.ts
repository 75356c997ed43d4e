import { channel, tracingChannel } from 'node:diagnostics_channel';
import { Agent, request } from 'node:http';
import { HttpModule, HttpService } from '@nestjs/axios';
import { type DynamicModule, type INestApplicationContext, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { MimcModule, type MimcModuleOptions, MimcPushService } from '#mimc/index.js';
import { Exchange, type ExchangeReply } from '#mimc/transport/exchange.js';
import { undiciAdapter } from '#mimc/transport/mimc-transport.js';
import axios from 'axios';
import { firstValueFrom } from 'rxjs';
import { type Dispatcher, Pool } from 'undici';
import { credentials, message } from './message.js';

/** A way to push. */
export interface Client {
  name: string;
  /** Recipients of a call. */
  recipients: number;
  /** @param url of the stub */
  open(url: string): Promise<OpenClient>;
}

/** A client that is ready. */
export interface OpenClient {
  /** Makes a call and returns the packetId, or the first of them. */
  call: (index: number) => Promise<string>;
  close: () => Promise<unknown> | void;
}

interface Answer {
  data: { packetId: string; packetIds: string[] };
}

const PATH = '/api/push/p2p/';
const HEADERS = { 'content-type': 'application/json' };
export const TIMEOUTS = { connectMs: 3_000, responseMs: 10_000 };

const bodyTo = (index: number) => ({ ...credentials, ...message, toAccount: `user-${index}` });

const moreBodyTo = (toAccounts: readonly string[]) => ({ ...credentials, ...message, toAccounts });

const people = (count: number) => Array.from({ length: count }, (_, index) => `user-${100_000 + index}`);

/** What users write first. */
const plainLoop: Client = {
  name: 'plain loop',
  recipients: 1,
  open: async (url) => {
    const app = await appWith(HttpModule);
    const http = app.get(HttpService);
    const call = async (index: number) => {
      const { data } = await firstValueFrom(http.post<Answer>(url + PATH, bodyTo(index)));
      return data.data.packetId;
    };
    return { call, close: () => app.close() };
  },
};

const nodeHttp: Client = {
  name: 'node:http',
  recipients: 1,
  open: async (url) => {
    const agent = new Agent({ keepAlive: true });
    const post = (body: string) =>
      new Promise<Answer>((resolve, reject) => {
        const headers = { ...HEADERS, 'content-length': Buffer.byteLength(body) };
        const sent = request(url + PATH, { method: 'POST', agent, headers }, (reply) => {
          const chunks: Buffer[] = [];
          reply.on('data', (chunk: Buffer) => chunks.push(chunk));
          reply.on('end', () => resolve(JSON.parse(Buffer.concat(chunks).toString()) as Answer));
          reply.on('error', reject);
        });
        sent.on('error', reject).end(body);
      });
    return {
      call: async (index) => (await post(JSON.stringify(bodyTo(index)))).data.packetId,
      close: () => agent.destroy(),
    };
  },
};

const undici: Client = {
  name: 'undici',
  recipients: 1,
  open: async (url) => {
    const { post, close } = undiciPost(url);
    return { call: async (index) => (await post(PATH, JSON.stringify(bodyTo(index)))).data.packetId, close };
  },
};

const axiosDefaults: Client = {
  name: 'axios',
  recipients: 1,
  open: async (url) => ({
    call: async (index) => (await axios.post<Answer>(url + PATH, bodyTo(index))).data.data.packetId,
    close: () => {},
  }),
};

/** The transport of the library and nothing else of it. */
const bareAdapter: Client = {
  name: 'axiosRef on undici',
  recipients: 1,
  open: async (url) => {
    const { origin, pathname } = new URL(url);
    const pool = new Pool(origin);
    const { axiosRef } = bareHttp(pool, origin);
    const call = async (index: number) => {
      const data = new Exchange(
        { method: 'POST', path: pathname + PATH, body: JSON.stringify(bodyTo(index)) },
        TIMEOUTS,
      );
      const { data: reply } = await axiosRef.request<ExchangeReply>({ method: 'post', data });
      return (JSON.parse(reply.body ?? '') as Answer).data.packetId;
    };
    return { call, close: () => pool.close() };
  },
};

/** Everything on. The quota is too high to bind. */
const toAccount: Client = {
  name: 'toAccount',
  recipients: 1,
  open: async (url) => {
    const { push, close } = await library(url, { quota: { accountsPerSecond: 1_000_000 } });
    return {
      call: async (index) => (await push.toAccount({ ...message, toAccount: `user-${index}` })).packetId,
      close,
    };
  },
};

const toAccountTraced: Client = {
  name: 'toAccount, traced',
  recipients: 1,
  open: (url) => {
    const listener = () => {};
    const listeners = { start: listener, end: listener, asyncStart: listener, asyncEnd: listener, error: listener };
    for (const name of ['mimc:call', 'mimc:attempt']) tracingChannel(name).subscribe(listeners);
    for (const name of ['mimc:throttled', 'mimc:retry']) channel(name).subscribe(listener);
    return toAccount.open(url);
  },
};

/** Without the quota, whose highest setting would bind. */
const toAccounts = (recipients: number): Client => ({
  name: `toAccounts of ${recipients}`,
  recipients,
  open: async (url) => {
    const { push, close } = await library(url, { quota: false });
    const accounts = people(recipients);
    return {
      call: async () => (await push.toAccounts({ ...message, toAccounts: accounts })).packetIds[0] ?? '',
      close,
    };
  },
});

/** The least that a call to this many recipients can cost: the network, and JSON both ways. */
const undiciMore = (recipients: number): Client => ({
  name: `undici to ${recipients}`,
  recipients,
  open: async (url) => {
    const { post, close } = undiciPost(url);
    const accounts = people(recipients);
    const call = async () => {
      const answer = await post('/api/push/p2p/more', JSON.stringify(moreBodyTo(accounts)));
      return answer.data.packetIds[0] ?? '';
    };
    return { call, close };
  },
});

/** No network at all. */
const stringify = (recipients: number): Client => ({
  name: `JSON.stringify of ${recipients}`,
  recipients,
  open: async () => {
    const accounts = people(recipients);
    return { call: async () => JSON.stringify(moreBodyTo(accounts)), close: () => {} };
  },
});

export const clients: readonly Client[] = [
  plainLoop,
  axiosDefaults,
  nodeHttp,
  undici,
  bareAdapter,
  toAccount,
  toAccountTraced,
  toAccounts(50),
  toAccounts(1_000),
  undiciMore(1_000),
  stringify(1_000),
];

/** HttpService on the library's adapter. */
export function bareHttp(dispatcher: Dispatcher, origin: string): HttpService {
  const adapter = undiciAdapter(dispatcher, origin);
  return new HttpService(axios.create({ adapter, transformRequest: [], transformResponse: [] }));
}

function undiciPost(url: string) {
  const { origin, pathname } = new URL(url);
  const pool = new Pool(origin);
  const post = async (path: string, body: string): Promise<Answer> => {
    const reply = await pool.request({ path: pathname + path, method: 'POST', headers: HEADERS, body });
    return (await reply.body.json()) as Answer;
  };
  return { post, close: () => pool.close() };
}

async function library(url: string, options: Pick<MimcModuleOptions, 'quota'>) {
  const app = await appWith(MimcModule.forRoot({ ...credentials, baseUrl: url, ...options }));
  return { push: app.get(MimcPushService), close: () => app.close() };
}

function appWith(imported: DynamicModule | typeof HttpModule): Promise<INestApplicationContext> {
  @Module({ imports: [imported] })
  class AppModule {}
  return NestFactory.createApplicationContext(AppModule, { logger: false });
}
