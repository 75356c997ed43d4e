import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import request from 'supertest';
import { createApp } from '../../apps/console/src/app.factory.js';
import { CallbackHistory } from '../../apps/console/src/page/callback-history.js';
import { readConsoleSettings } from '../../apps/console/src/settings.js';
import { EventReader } from '../support/event-reader.js';
import { listen, type SampleApp, startConsole, withMimcEnv } from '../support/sample-app.js';

const BEARER = { type: 'bearer' } as const;
const TOPIC = '51664086823862273';

describe('users in the console', () => {
  let sample: SampleApp;
  let readers: EventReader[] = [];

  beforeEach(async () => {
    sample = await startConsole();
  });
  afterEach(async () => {
    for (const reader of readers) reader.close();
    readers = [];
    await sample.close();
  });

  const follow = async (lastEventId = ''): Promise<EventReader> => {
    const headers = { authorization: 'Bearer demo-key', ...(lastEventId && { 'last-event-id': lastEventId }) };
    const reader = await EventReader.open(`${sample.url}/console/events`, headers);
    readers.push(reader);
    return reader;
  };
  const say = (to: 'account' | 'topic', body: object) => sample.post(`/console/user-messages/${to}`, body);

  it('get tokens and groups as in the sample API', async () => {
    const { body } = await sample.post('/sessions', { account: 'alice' }).expect(201);
    const { session } = body as { session: string };
    const token = await request(sample.url).post('/tokens').auth(session, BEARER).expect(200);
    expect(token.body).toMatchObject({ code: 200, data: { appAccount: 'alice' } });
    const group = { topicName: 'Trip', accounts: ['bob'] };
    const created = await request(sample.url).post('/topics').auth(session, BEARER).send(group).expect(201);
    const mine = await request(sample.url).get('/topics').auth(session, BEARER).expect(200);
    expect(mine.body).toMatchObject([
      { topicId: (created.body as { topicId: string }).topicId, ownerAccount: 'alice' },
    ]);
  });

  it('write to one another, and what the callbacks said is in the events', async () => {
    const reader = await follow();
    expect((await reader.next('callbacks'))?.data).toMatchObject({ isNew: true, callbacks: [] });

    const sent = await say('account', { from: 'bob', toAccount: 'alice', text: 'hello', isOffline: true }).expect(202);
    expect(sent.body).toEqual({ callbacks: ['NORMAL_MSG', 'OFFLINE_MSG'] });
    const seen = await callbacksFrom(reader, 2);
    expect(seen.toSorted((a, b) => String(a['type']).localeCompare(String(b['type'])))).toMatchObject([
      { type: 'NORMAL_MSG', from: 'bob', to: 'alice', text: 'hello', bytes: 5 },
      { type: 'OFFLINE_MSG', to: 'alice', offline: 1 },
    ]);
    await say('account', { from: 'bob', toAccount: 'alice', text: 'hello', isOffline: false }).expect(202);
    expect(await callbacksFrom(reader, 1)).toMatchObject([{ type: 'NORMAL_MSG' }]);
  });

  it('write to a group, of which all but the sender may be offline', async () => {
    const owner = (await sample.post('/sessions', { account: 'alice' })).body as { session: string };
    const created = await request(sample.url)
      .post('/topics')
      .auth(owner.session, BEARER)
      .send({ topicName: 'Trip', accounts: ['bob', 'carol'] });
    const { topicId } = created.body as { topicId: string };
    const reader = await follow();
    await say('topic', { from: 'bob', topicId, text: 'hello', isOffline: true }).expect(202);
    const seen = await callbacksFrom(reader, 2);
    expect(seen.find(({ type }) => type === 'OFFLINE_TOPIC_MSG')).toMatchObject({ to: topicId, offline: 2 });
  });

  it('are followed after the id of any event, of whichever kind', async () => {
    const reader = await follow();
    await say('account', { from: 'bob', toAccount: 'alice', text: 'first' }).expect(202);
    await callbacksFrom(reader, 1);
    await sample.post('/push/p2p', { toAccount: 'alice', msg: 'pushed' }).expect(202);
    const last = await reader.next('messages');
    reader.close();
    await say('account', { from: 'bob', toAccount: 'alice', text: 'second' }).expect(202);
    await sample.emulator.callbacksSettled();

    const again = await follow(last?.id);
    expect((await again.next('callbacks'))?.data).toMatchObject({ isNew: false, callbacks: [{ text: 'second' }] });
  });

  it.each([
    ['account', { from: '', toAccount: 'alice', text: 'hello' }, 'from'],
    ['account', { from: 'bob', text: 'hello' }, 'toAccount'],
    ['account', { from: 'bob', toAccount: 'alice', text: '' }, 'text'],
    ['account', { from: 'bob', toAccount: 'alice', text: 'x'.repeat(2_001) }, 'text'],
    ['account', { from: 'bob', toAccount: 'alice', text: 'hello', isOffline: null }, 'isOffline'],
    ['account', { from: 'bob', toAccount: 'alice', text: 'hello', topicId: TOPIC }, 'topicId'],
    ['topic', { from: 'bob', topicId: '9223372036854775808', text: 'hello' }, 'topicId'],
    ['topic', { from: 'bob', toAccount: 'alice', text: 'hello' }, 'topicId'],
  ] as const)('cannot write to one %s with %j', async (to, body, field) => {
    const answer = await say(to, body).expect(400);
    const { violations } = answer.body as { violations: { field: string }[] };
    expect(violations.map((violation) => violation.field)).toContain(field);
    expect(sample.emulator.callbacks).toHaveLength(0);
  });

  it('are played for callers with the API key, and never with real credentials', async () => {
    await request(sample.url).post('/console/user-messages/account').expect(401);
    const real = { MIMC_APP_ID: '1', MIMC_APP_KEY: 'k', MIMC_APP_SECRET: 's' };
    const settings = readConsoleSettings({ ...real, SAMPLE_API_KEY: 'mine', SAMPLE_CONSOLE: 'true' });
    const app = await withMimcEnv(real, () => createApp(settings, { logger: false }));
    const other = await listen(app, 'mine');
    await other.post('/console/user-messages/account', { from: 'bob', toAccount: 'alice', text: 'hello' }).expect(404);
    expect(other.app.get(CallbackHistory, { strict: false }).since(undefined).entries).toEqual([]);
    await other.close();
  });
});

/** So many callbacks, over as many events as they come in. */
async function callbacksFrom(reader: EventReader, count: number): Promise<Record<string, unknown>[]> {
  const all: Record<string, unknown>[] = [];
  while (all.length < count) {
    const event = await reader.next('callbacks');
    if (event === undefined) throw new Error('The stream has ended');
    all.push(...(event.data as { callbacks: Record<string, unknown>[] }).callbacks);
  }
  return all;
}
