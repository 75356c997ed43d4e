import type { MimcErrorCode, MimcOutcome } from 'nestjs-mimc';
import type { EmulatorFault } from 'nestjs-mimc/testing';

/** What a server answers, and what its caller gets. */
export type BadAnswer = [name: string, fault: EmulatorFault, code: MimcErrorCode, outcome: MimcOutcome, more?: object];

/** A body of JSON. */
export const json = (body: unknown, status = 200): EmulatorFault => ({
  kind: 'body',
  body: JSON.stringify(body),
  status,
});
/** An envelope with this code. */
export const said = (code: number, httpStatus?: number): EmulatorFault => ({
  kind: 'code',
  code,
  httpStatus,
  message: 'no',
});
const success = '{"code":200,"data":{"packetId":"p-1"},"message":"success"}';

/** A clear no. */
export const refusals: BadAnswer[] = [
  ...[400, 403, 404, 410, 413, 500, 503, -1, 0, 20001].map((code): BadAnswer => {
    return [
      `envelope ${code} under HTTP 200`,
      said(code, 200),
      'MIMC_API',
      'refused',
      { apiCode: code, apiMessage: 'no' },
    ];
  }),
  ...[400, 403, 404, 410, 413].map((code): BadAnswer => {
    return [
      `envelope ${code} under HTTP ${code}`,
      said(code, code),
      'MIMC_API',
      'refused',
      { apiCode: code, httpStatus: code },
    ];
  }),
  ...[500, 503].map((code): BadAnswer => {
    return [
      `envelope ${code} under HTTP ${code}`,
      said(code, code),
      'MIMC_API',
      'unknown',
      { apiCode: code, httpStatus: code },
    ];
  }),
  ['envelope 401 under HTTP 200', said(401, 200), 'MIMC_AUTH', 'refused', { apiCode: 401 }],
  ['envelope 401 under HTTP 401', said(401, 401), 'MIMC_AUTH', 'refused', { httpStatus: 401 }],
  ['HTTP 401 without an envelope', { kind: 'html', status: 401 }, 'MIMC_AUTH', 'refused', { httpStatus: 401 }],
  ['envelope 429 under HTTP 200', said(429, 200), 'MIMC_RATE_LIMITED', 'refused', { apiCode: 429, retryable: true }],
  ['envelope 429 under HTTP 429', said(429, 429), 'MIMC_RATE_LIMITED', 'refused', { retryable: true }],
  ['HTTP 429 without an envelope', { kind: 'html', status: 429 }, 'MIMC_RATE_LIMITED', 'refused', { retryable: true }],
  ['HTTP 503, which is not throttling', { kind: 'html', status: 503 }, 'MIMC_HTTP', 'unknown', { httpStatus: 503 }],
  ['an HTML page under HTTP 404', { kind: 'html', status: 404 }, 'MIMC_HTTP', 'refused', { httpStatus: 404 }],
  ['an HTML page under HTTP 502', { kind: 'html', status: 502 }, 'MIMC_HTTP', 'unknown', { httpStatus: 502 }],
  ['HTTP 408', { kind: 'status', status: 408 }, 'MIMC_HTTP', 'unknown', { httpStatus: 408 }],
  ['envelope 400 under HTTP 408', said(400, 408), 'MIMC_API', 'unknown', { apiCode: 400, httpStatus: 408 }],
  [
    'a redirect to another host',
    { kind: 'status', status: 307, location: 'http://127.0.0.2:9/api/push/p2p/' },
    'MIMC_HTTP',
    'refused',
    { httpStatus: 307 },
  ],
];

/** Status and envelope that do not agree. */
export const contradictions: BadAnswer[] = [
  [
    'success under HTTP 500',
    { kind: 'body', body: success, status: 500 },
    'MIMC_BAD_RESPONSE',
    'unknown',
    { apiCode: 200 },
  ],
  [
    'success under HTTP 404',
    { kind: 'body', body: success, status: 404 },
    'MIMC_BAD_RESPONSE',
    'unknown',
    { apiCode: 200 },
  ],
  [
    'success under HTTP 302',
    { kind: 'body', body: success, status: 302 },
    'MIMC_BAD_RESPONSE',
    'unknown',
    { apiCode: 200 },
  ],
  ['envelope 429 under HTTP 500', said(429, 500), 'MIMC_RATE_LIMITED', 'unknown', { retryable: false }],
  ['envelope 401 under HTTP 503', said(401, 503), 'MIMC_AUTH', 'unknown', { httpStatus: 503 }],
  ['envelope 500 under HTTP 400', said(500, 400), 'MIMC_API', 'refused', { apiCode: 500, httpStatus: 400 }],
];

/** What is not an envelope. */
export const nonsense: BadAnswer[] = [
  ['HTML under HTTP 200', { kind: 'html', status: 200 }],
  ['an empty body', { kind: 'empty' }],
  ['HTTP 204', { kind: 'empty', status: 204 }],
  ['truncated JSON', { kind: 'truncate', cut: 'json' }],
  ['a megabyte of garbage', { kind: 'garbage', bytes: 1024 * 1024 }],
  ['five megabytes of garbage', { kind: 'garbage', bytes: 5 * 1024 * 1024 }],
  ['an array', json([200])],
  ['null', json(null)],
  ['a number', json(200)],
  ['a code in quotes', json({ code: '200', data: { packetId: 'p' } })],
  ['a fraction for a code', json({ code: 200.5, data: { packetId: 'p' } })],
  ['a code beyond 2^53', { kind: 'body', body: '{"code":99999999999999999999,"data":{"packetId":"p"}}' } as const],
  ['a code that only looks like a number', json({ code: { isLosslessNumber: true, value: '200' } })],
  ['JSON nested beyond any stack', { kind: 'body', body: '['.repeat(200_000) } as const],
].map(([name, fault]) => [name, fault, 'MIMC_BAD_RESPONSE', 'unknown'] as BadAnswer);

/** Replies that do not come, or not to their end. */
export const silences: BadAnswer[] = [
  ['a reset before the request was read', { kind: 'reset', when: 'before-read' }, 'MIMC_RESET', 'unknown'],
  ['a reset after the request was read', { kind: 'reset', when: 'after-read' }, 'MIMC_RESET', 'unknown'],
  ['a body cut off', { kind: 'truncate', cut: 'connection' }, 'MIMC_RESET', 'unknown'],
  ['headers that never come', { kind: 'hang' }, 'MIMC_TIMEOUT', 'unknown'],
  ['a body that stalls', { kind: 'stall' }, 'MIMC_TIMEOUT', 'unknown'],
  ['a body that dribbles without end', { kind: 'dribble', everyMs: 5 }, 'MIMC_TIMEOUT', 'unknown'],
];
