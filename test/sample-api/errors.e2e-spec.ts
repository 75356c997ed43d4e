import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { MimcPushService } from 'nestjs-mimc';
import type { EmulatorFault } from 'nestjs-mimc/testing';
import { SampleApp, startDemo } from '../support/sample-app.js';

const PUSH = { toAccount: 'alice', msg: 'hello' };

describe('sample API when MIMC fails', () => {
  let sample: SampleApp;

  beforeEach(async () => {
    sample = await startDemo({ MIMC_RESPONSE_TIMEOUT_MS: '250', MIMC_DEADLINE_MS: '900' });
  });
  afterEach(() => sample.close());

  it.each<{ fault: EmulatorFault; status: number; body: object }>([
    { fault: code(400), status: 400, body: { code: 'MIMC_API', outcome: 'refused', apiCode: 400 } },
    { fault: code(401), status: 502, body: { code: 'MIMC_AUTH', outcome: 'refused', apiCode: 401 } },
    { fault: code(403), status: 403, body: { code: 'MIMC_API', outcome: 'refused', apiCode: 403 } },
    { fault: code(404), status: 404, body: { code: 'MIMC_API', outcome: 'refused', apiCode: 404 } },
    { fault: code(410), status: 410, body: { code: 'MIMC_API', outcome: 'refused', apiCode: 410 } },
    { fault: code(413), status: 413, body: { code: 'MIMC_API', outcome: 'refused', apiCode: 413 } },
    { fault: code(500), status: 502, body: { code: 'MIMC_API', outcome: 'refused', apiCode: 500 } },
    { fault: { kind: 'html' }, status: 502, body: { code: 'MIMC_HTTP', outcome: 'unknown' } },
    { fault: { kind: 'status', status: 401 }, status: 502, body: { code: 'MIMC_AUTH', outcome: 'refused' } },
    { fault: { kind: 'reset', when: 'after-read' }, status: 502, body: { code: 'MIMC_RESET', outcome: 'unknown' } },
    { fault: { kind: 'truncate' }, status: 502, body: { code: 'MIMC_BAD_RESPONSE', outcome: 'unknown' } },
    { fault: { kind: 'hang' }, status: 504, body: { code: 'MIMC_TIMEOUT', outcome: 'unknown' } },
    { fault: { kind: 'stall' }, status: 504, body: { code: 'MIMC_TIMEOUT', outcome: 'unknown' } },
  ])('answers $fault with $status and $body', async ({ fault, status, body }) => {
    sample.emulator.failNext(fault);
    const answer = await sample.post('/push/p2p', PUSH);

    expect(answer.status).toBe(status);
    expect(answer.body).toMatchObject({ statusCode: status, callId: expect.any(String), ...body });
    expect(answer.headers).not.toHaveProperty('retry-after');
    expect(sample.emulator.totals.requests).toBe(1);
  });

  it('passes on how long to wait when throttled', async () => {
    // Longer than the deadline, so that the library does not wait itself.
    sample.emulator.failNext({ kind: 'code', code: 429, retryAfter: '2' });
    const answer = await sample.post('/push/p2p', PUSH).expect(429);

    expect(answer.headers['retry-after']).toBe('2');
    expect(answer.body).toMatchObject({ code: 'MIMC_RATE_LIMITED', outcome: 'refused', retryAfterMs: 2000 });
  });

  it('answers 503 when MIMC cannot be reached', async () => {
    await sample.emulator.close();
    const answer = await sample.post('/push/p2p', PUSH).expect(503);
    expect(answer.body).toMatchObject({ code: 'MIMC_CONNECT', outcome: 'not-sent' });
  });

  it('answers 504 at once when the quota leaves no room before the deadline', async () => {
    const full = { toAccounts: Array.from({ length: 50 }, (_, index) => `user-${index}`), msg: 'hello' };
    await sample.post('/push/p2p/more', full).expect(202);
    const answer = await sample.post('/push/p2p', PUSH).expect(504);
    expect(answer.body).toMatchObject({ code: 'MIMC_DEADLINE', outcome: 'not-sent' });
  });

  it('answers 503 once the push service is closed', async () => {
    await sample.app.get(MimcPushService, { strict: false }).beforeApplicationShutdown();
    const answer = await sample.post('/push/p2p', PUSH).expect(503);
    expect(answer.body).toMatchObject({ code: 'MIMC_CLOSED', outcome: 'not-sent' });
  });

  it.each(['raw', 'json', 'url'] as const)('shows no credentials, though MIMC echoes them (%s)', async (form) => {
    const { appKey, appSecret } = sample.emulator.credentials;
    sample.emulator.failNext({ kind: 'echo', form });
    const answer = await sample.post('/push/p2p', PUSH).expect(400);

    for (const secret of [appKey, appSecret, encodeURIComponent(appSecret)]) expect(answer.text).not.toContain(secret);
  });
});

function code(value: number): EmulatorFault {
  return { kind: 'code', code: value };
}
