import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { inspect } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Injectable } from '@nestjs/common';
import { type MimcCallbackEvent, OnMimcMessage } from 'nestjs-mimc/callback';
import { MimcEmulator } from 'nestjs-mimc/testing';
import request from 'supertest';
import { createHttpApp } from '../../apps/sample-api/src/app.factory.js';
import { AppModule } from '../../apps/sample-api/src/app.module.js';
import { ReceivedMessages } from '../../apps/sample-api/src/callbacks/received-messages.js';
import { readSettings } from '../../apps/sample-api/src/settings.js';
import { listen, type SampleApp, withMimcEnv } from '../support/sample-app.js';

const [ALICE, BOB] = ['alice', 'bob'];

/** Counts the handlers' calls, which the sample itself does not: what it stores replaces itself. */
@Injectable()
class Witness {
  readonly handled: MimcCallbackEvent[] = [];

  @OnMimcMessage()
  note(event: MimcCallbackEvent): void {
    this.handled.push(event);
  }
}

/** What stands between MIMC and the sample, as a proxy would. */
interface Relay {
  url: string;
  /** The status of the sample's answer for each request that got to it, as `NORMAL_MSG 200`. */
  passed: string[];
  close: () => Promise<void>;
}

/**
 * Fails each callback once: an instant one reaches the sample, but the answer is lost; one about who is offline does not
 * even reach it. Repeats pass.
 */
async function failingOnce(target: () => string): Promise<Relay> {
  const seen = new Set<string>();
  const passed: string[] = [];
  const relay = async (incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> => {
    const body = await text(incoming);
    const { msgType } = JSON.parse(body) as { msgType: string };
    const isFirst = !seen.has(body);
    seen.add(body);
    if (isFirst && msgType.startsWith('OFFLINE')) return void incoming.socket.destroy();
    const headers = { 'content-type': incoming.headers['content-type'] ?? '' };
    const { status } = await fetch(target(), { method: 'POST', body, headers });
    passed.push(`${msgType} ${status}`);
    outgoing.writeHead(isFirst ? 504 : status).end();
  };
  const server = createServer((incoming, outgoing) => {
    // The sample may be gone before a repeat: then so is the request.
    relay(incoming, outgoing).catch(() => incoming.socket.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const close = () =>
    new Promise<void>((resolve) => {
      server.close(() => resolve());
      server.closeAllConnections();
    });
  return { url: `http://127.0.0.1:${port}/`, passed, close };
}

describe('the first day of two users', () => {
  let mimc: MimcEmulator;
  let relay: Relay;
  let sample: Omit<SampleApp, 'emulator'>;
  const log: unknown[] = [];

  beforeAll(async () => {
    mimc = await MimcEmulator.start({ topics: [], callbacks: { repeatAfterMs: [5, 30, 300], timeoutMs: 60_000 } });
    const { appId, appKey, appSecret } = mimc.credentials;
    const env = { MIMC_APP_ID: appId, MIMC_APP_KEY: appKey, MIMC_APP_SECRET: appSecret, MIMC_FROM_ACCOUNT: 'shop' };
    const settings = readSettings({ ...env, SAMPLE_API_KEY: 'key' });
    const module = { module: class Observed {}, imports: [AppModule.with(settings)], providers: [Witness] };
    const keep = (line: unknown) => log.push(line);
    const logger = { log: keep, warn: keep, error: keep };
    const app = await withMimcEnv({ ...env, MIMC_BASE_URL: mimc.url }, () => createHttpApp(module, { logger }));
    sample = await listen(app, 'key');
    relay = await failingOnce(() => `${sample.url}/mimc/callback`);
    mimc.callbackUrl = relay.url;
  });
  afterAll(async () => {
    await sample.close();
    await relay.close();
    await mimc.close();
  });

  const login = async (account: string): Promise<string> => {
    const { body } = await sample.post('/sessions', { account }).expect(201);
    return (body as { session: string }).session;
  };
  const as = (session: string, path: string) => request(sample.url).post(path).auth(session, { type: 'bearer' });

  it('goes from login to the answer of a user, which is handled once though MIMC repeats it', async () => {
    // Both log in, and each gets a token of their own.
    const sessions = [await login(ALICE), await login(BOB)] as const;
    const tokens = [];
    for (const session of sessions) tokens.push((await as(session, '/tokens').expect(200)).body);
    expect(tokens).toMatchObject([{ data: { appAccount: ALICE } }, { data: { appAccount: BOB } }]);
    expect(tokens[0].data.token).not.toBe(tokens[1].data.token);

    // Alice makes a group, and the backend pushes to it.
    const created = await as(sessions[0], '/topics')
      .send({ topicName: 'Trip', accounts: [BOB] })
      .expect(201);
    const { topicId } = created.body as { topicId: string };
    expect(mimc.topicMembers(topicId)).toEqual([ALICE, BOB]);
    await sample.post('/push/p2t', { topicId, msg: 'The train leaves at 9' }).expect(202);
    expect(mimc.topicInbox(topicId).map((message) => message.text)).toEqual(['The train leaves at 9']);

    // Alice goes offline; Bob answers the group, and then her.
    mimc.setOffline(ALICE, ['phone', 'tablet']);
    mimc.userSends({ from: BOB, topicId, text: 'I will be there' });
    await mimc.callbacksSettled();
    mimc.userSends({ from: BOB, to: ALICE, text: 'Will you?' });
    await mimc.callbacksSettled();

    // Each callback was repeated: the instant ones reached the sample twice,
    expect(mimc.callbacks.map(({ state, attempts }) => `${state} by attempt ${attempts.length}`)).toEqual(
      Array.from({ length: 4 }, () => 'delivered by attempt 2'),
    );
    const instant = ['NORMAL_MSG 200', 'NORMAL_MSG 200', 'NORMAL_TOPIC_MSG 200', 'NORMAL_TOPIC_MSG 200'];
    expect(relay.passed.toSorted()).toEqual([...instant, 'OFFLINE_MSG 200', 'OFFLINE_TOPIC_MSG 200']);
    // and each was handled once, for the account that it is about.
    const { handled } = sample.app.get(Witness, { strict: false });
    expect(handled.toSorted((a, b) => (a.type < b.type ? -1 : 1))).toMatchObject([
      { type: 'NORMAL_MSG', fromAccount: BOB, toAccount: ALICE, text: 'Will you?' },
      { type: 'NORMAL_TOPIC_MSG', fromAccount: BOB, topicId, toAccounts: [ALICE, BOB], text: 'I will be there' },
      { type: 'OFFLINE_MSG', toAccount: ALICE, offlineResources: ['phone', 'tablet'] },
      { type: 'OFFLINE_TOPIC_MSG', topicId, offlineAccounts: [{ toAccount: ALICE }] },
    ]);
    expect(sample.app.get(ReceivedMessages, { strict: false }).all.map((message) => message.text)).toEqual([
      'I will be there',
      'Will you?',
    ]);
    expect(log.filter((line) => /is offline on 2 devices/.test(String(line)))).toHaveLength(2);

    // No secret got into the log.
    const secrets = [mimc.credentials.appKey, mimc.credentials.appSecret, ...tokens.map(({ data }) => data.token)];
    for (const secret of [...secrets, ...sessions])
      expect(inspect(log, { depth: 9, maxArrayLength: null, maxStringLength: null })).not.toContain(secret);
  });
});
