import { applyDecorators } from '@nestjs/common';
import { ApiOperation, ApiResponse, ApiTags } from '@nestjs/swagger';
import { jsonContent } from './openapi.js';

/** Documents `GET /health/live`. */
export const LiveDocs = () =>
  applyDecorators(
    ApiTags('health'),
    ApiOperation({ summary: 'The process runs' }),
    ApiResponse({ status: 200, description: 'It does.' }),
  );

/** Documents `GET /health/ready`. */
export const ReadyDocs = () =>
  applyDecorators(
    ApiTags('health'),
    ApiOperation({ summary: 'The server takes new requests, and MIMC takes pushes' }),
    ApiResponse({ status: 200, description: 'It does.', content: jsonContent(['Health'], { ok: ready }) }),
    ApiResponse({
      status: 503,
      description:
        'It is shutting down, MIMC refuses its credentials, the latest attempts all failed, or Redis does not answer.',
      content: jsonContent(['Health'], { error: notReady }),
    }),
  );

const server = { status: 'up' };
const quotas = {
  accounts: { queued: 0, usedUnits: 10, unitsPerSecond: 50, resumesInMs: 0 },
  topics: { queued: 0, usedUnits: 0, unitsPerSecond: 20, resumesInMs: 0 },
};
const up = { consecutiveFailures: 0, lastSuccessAt: '2026-01-01T12:00:00.000Z', ...quotas, status: 'up' };
const down = {
  message: 'The last 5 attempts failed',
  consecutiveFailures: 5,
  lastFailureAt: '2026-01-01T12:00:00.000Z',
  lastFailure: { code: 'MIMC_TIMEOUT', outcome: 'unknown' },
  ...quotas,
  status: 'down',
};

const ready = {
  summary: 'Ready',
  value: { status: 'ok', info: { server, mimc: up }, error: {}, details: { server, mimc: up } },
};
const notReady = {
  summary: 'MIMC does not answer',
  value: { status: 'error', info: { server }, error: { mimc: down }, details: { server, mimc: down } },
};
