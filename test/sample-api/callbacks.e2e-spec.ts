import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { ReceivedMessages } from '../../apps/sample-api/src/callbacks/received-messages.js';
import { SampleApp, startConsole, startDemo } from '../support/sample-app.js';

describe.each([
  ['sample API', startDemo],
  ['console', startConsole],
])('callbacks of the %s', (_, start) => {
  let sample: SampleApp;
  const received = () => sample.app.get(ReceivedMessages, { strict: false }).all;

  beforeAll(async () => {
    sample = await start();
  });
  beforeEach(() => sample.emulator.clear());
  afterAll(() => sample.close());

  it('store what a user sent another, and are taken for those who are offline', async () => {
    sample.emulator.setOffline('bob');
    sample.emulator.userSends({ from: 'alice', to: 'bob', text: 'hello' });
    sample.emulator.userSends({ from: 'alice', topicId: 7, members: ['alice', 'bob'], text: 'hello all' });
    await sample.emulator.callbacksSettled();
    expect(sample.emulator.callbacks.map(({ msgType, attempts }) => [msgType, attempts[0]?.status])).toEqual([
      ['NORMAL_MSG', 200],
      ['OFFLINE_MSG', 200],
      ['NORMAL_TOPIC_MSG', 200],
      ['OFFLINE_TOPIC_MSG', 200],
    ]);
    expect(received().map(({ text }) => text)).toEqual(expect.arrayContaining(['hello', 'hello all']));
    expect(received()).toHaveLength(2);
  });

  it('need no API key, and are not for others', async () => {
    const stored = received().length;
    await sample.post('/mimc/callback', { msgType: 'NORMAL_MSG' }).expect(400);
    await sample
      .post('/mimc/callback', { msgType: 'NORMAL_MSG', fromAppId: sample.emulator.credentials.appId, timestamp: 1 })
      .expect(401);
    expect(received()).toHaveLength(stored);
  });
});
