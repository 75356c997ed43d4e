import { request as httpRequest } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { lastValueFrom } from 'rxjs';
import { BroadcastEvents } from '../../apps/console/src/broadcasts/broadcast-events.js';
import { BroadcastRunner } from '../../apps/console/src/broadcasts/broadcast-runner.js';
import type { BroadcastState } from '../../apps/console/src/broadcasts/broadcast-state.js';
import { BroadcastApp, startBroadcasts, storedAudiences, until } from '../support/broadcast-app.js';

const LONG = { id: 'long', recipients: Array.from({ length: 120 }, (_, index) => `user-${index}`) };

interface Event {
  type: string;
  state: BroadcastState;
}

describe('sample API broadcast', () => {
  let sample: BroadcastApp;

  beforeEach(async () => {
    sample = await startBroadcasts({ eventsEveryMs: 50 }, { MIMC_ACCOUNTS_PER_SECOND: '50' });
  });
  afterEach(() => sample.close());

  describe('events', () => {
    it('report the progress and end with the broadcast', async () => {
      await sample.start(LONG).expect(202);
      const response = await follow();
      expect(response.headers.get('content-type')).toBe('text/event-stream');
      const events = eventsIn(await response.text());

      expect(events.map(({ type }) => type)).toEqual([...events.slice(1).map(() => 'progress'), 'end']);
      const accepted = events.map(({ state }) => state.progress.accepted);
      expect(accepted).toEqual(accepted.toSorted((a, b) => a - b));
      expect(new Set(accepted).size).toBeGreaterThan(2);
      expect(events.at(-1)?.state).toMatchObject({ state: 'done', progress: { accepted: 120 } });
    });

    it('continue over a pause, and end with a cancellation', async () => {
      await sample.start(LONG).expect(202);
      const stream = follow().then((response) => response.text());
      await sleep(100);
      await sample.act('long', 'pause').expect(200);
      await sleep(150);
      await sample.cancel('long').expect(200);

      const states = eventsIn(await stream).map(({ state }) => state.state);
      expect([...new Set(states)]).toEqual(['running', 'paused', 'cancelled']);
    });

    it('of one that is over are the end alone', async () => {
      await sample.start({ id: 'long' }).expect(202);
      await sample.reaches('long', 'done');
      expect(eventsIn(await (await follow()).text())).toEqual([
        { type: 'end', state: expect.objectContaining({ state: 'done' }) },
      ]);
    });

    it('report failures once, the first of them', async () => {
      const wrong = Array.from({ length: 130 }, () => '');
      await sample.start({ ...LONG, recipients: [...wrong, ...LONG.recipients] }).expect(202);
      const states = eventsIn(await (await follow()).text()).map(({ state }) => state);
      const withFailures = states.filter(({ failures }) => failures !== undefined);
      expect(states.length).toBeGreaterThan(withFailures.length);
      const { failures = [], failuresOmitted } = withFailures.at(-1) ?? {};
      expect(failures.flatMap(({ recipients }) => recipients)).toHaveLength(100);
      expect(failuresOmitted).toBe(30);
    });

    it('are limited in clients at a time', async () => {
      await sample.start(LONG).expect(202);
      const clients = new AbortController();
      await Promise.all(Array.from({ length: 32 }, () => follow(clients.signal)));
      expect((await follow()).status).toBe(503);
      clients.abort();
      await until(() => sample.app.get(BroadcastEvents, { strict: false }).open === 0);
      expect((await follow(AbortSignal.timeout(5_000))).status).toBe(200);
    });

    it('cost nothing more once the client is gone', async () => {
      await sample.start(LONG).expect(202);
      const asked = jest.spyOn(sample.app.get(BroadcastRunner, { strict: false }), 'get');
      const client = new AbortController();
      await follow(client.signal);
      await until(() => asked.mock.calls.length > 3);
      client.abort();
      await sleep(100);

      const then = asked.mock.calls.length;
      await sleep(200);
      expect(asked.mock.calls.length).toBe(then);
    });

    it('do not pile up behind a slow store, and end at shutdown without its answer', async () => {
      await sample.start(LONG).expect(202);
      const runner = sample.app.get(BroadcastRunner, { strict: false });
      const state = await runner.get('long');
      const slow = jest.spyOn(runner, 'get').mockResolvedValue(state);
      slow.mockImplementationOnce(() => sleep(320, state));
      const events = sample.app.get(BroadcastEvents, { strict: false });
      const ended = lastValueFrom(events.of('long'));
      await sleep(340);
      expect(slow.mock.calls.length).toBeLessThanOrEqual(2);

      slow.mockImplementation(() => new Promise(() => undefined));
      await sleep(100);
      events.onModuleDestroy();
      expect(await ended).toMatchObject({ type: 'progress' });
    });
  });

  describe('at shutdown', () => {
    it('stops, lets what was sent finish, notifies its followers, and leaves no file', async () => {
      await sample.start(LONG).expect(202);
      await sample.start({ ...LONG, id: 'paused' }).expect(202);
      await sample.act('paused', 'pause').expect(200);
      const stream = follow().then((response) => response.text());
      await sleep(200);
      expect(storedAudiences()).toHaveLength(3);

      const begin = performance.now();
      await sample.close();

      // A slow client would get 5 s.
      expect(performance.now() - begin).toBeLessThan(4_900);
      expect(eventsIn(await stream).length).toBeGreaterThan(0);
      expect(sample.emulator.totals.aborted).toBe(0);
      expect(sample.emulator.totals.accountsDelivered).toBeLessThan(120);
      expect(storedAudiences()).toEqual([]);
    });

    it('breaks off an upload', async () => {
      const request = httpRequest(`${sample.url}/broadcasts?kind=accounts&msg=hello`, {
        method: 'POST',
        headers: { authorization: 'Bearer demo-key', 'content-type': 'text/plain' },
      });
      const status = new Promise((resolve, reject) => {
        request.on('response', (response) => resolve(response.statusCode)).on('error', reject);
      });
      request.write('alice\n');
      await until(() => storedAudiences().length === 2);

      const closed = sample.close();
      expect(await status).toBe(503);
      request.destroy();
      await closed;
      expect(storedAudiences()).toEqual([]);
    });
  });

  function follow(signal?: AbortSignal): Promise<Response> {
    const headers = { authorization: 'Bearer demo-key' };
    return fetch(`${sample.url}/broadcasts/long/events`, { headers, ...(signal && { signal }) });
  }
});

function eventsIn(stream: string): Event[] {
  return stream
    .split('\n\n')
    .map((block) => /^event: (.+)\n(?:id: .+\n)?data: (.+)$/m.exec(block))
    .filter((match) => match !== null)
    .map(([, type = '', data = '']) => ({ type, state: JSON.parse(data) as BroadcastState }));
}
