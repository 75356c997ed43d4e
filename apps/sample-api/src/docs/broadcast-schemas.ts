import type { Schema } from './openapi.js';
import { account, message, topicId } from './push-schemas.js';

const count = (description: string): Schema => ({ type: 'integer', minimum: 0, description });

/** Of a broadcast, in the body and in the query alike. */
export const broadcastFields = {
  id: {
    type: 'string',
    pattern: '^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$',
    description: 'Chosen by the caller, so that asking twice does not send twice; else a UUID.',
    example: 'spring-sale',
  },
  kind: { type: 'string', enum: ['accounts', 'topics'], description: 'Whom the audience names.' },
  chunkSize: {
    type: 'integer',
    minimum: 1,
    description: 'Recipients of a request to MIMC; a fifth of the quota of a second when absent.',
  },
  dedupeWindow: {
    type: 'integer',
    minimum: 0,
    maximum: 100_000,
    description: 'Leaves out a recipient that is among so many different ones before it.',
  },
} satisfies Record<string, Schema>;

const options: Schema = {
  type: 'object',
  additionalProperties: false,
  description: 'Not on a queue, which has one setting for all.',
  properties: {
    chunkSize: broadcastFields.chunkSize,
    dedupeWindow: broadcastFields.dedupeWindow,
    concurrency: {
      type: 'integer',
      minimum: 1,
      maximum: 64,
      description: 'Requests under way at a time; 8 when absent.',
    },
    stopAfterConsecutiveFailures: {
      description: 'Ends the broadcast as `failed` when so many chunks fail in a row; 10 when absent, `false` never.',
      oneOf: [
        { type: 'integer', minimum: 1 },
        { type: 'boolean', enum: [false] },
      ],
    },
  },
};

const progress: Schema = object({
  read: count('Taken from the audience. The sum of all others and of those under way.'),
  accepted: count('MIMC took the message for them.'),
  refused: count('MIMC refused it.'),
  notSent: count('Provably not sent. What a pause leaves here, a resume sends.'),
  unknown: count('It may have been sent to them.'),
  invalid: count('No account or topic id: left out.'),
  duplicates: count('Left out because they came before, within `dedupeWindow`.'),
});

const checkpoint: Schema = object({
  watermark: count('All recipients before this offset are settled.'),
  ranges: {
    type: 'array',
    items: { type: 'array', items: { type: 'integer' }, minItems: 2, maxItems: 2 },
    description: 'Settled beyond it: from, and up to and without to.',
  },
});

const failure: Schema = object(
  {
    offset: count('Of the first recipient in the audience.'),
    recipients: { type: 'array', items: { type: 'string' } },
    outcome: { type: 'string', enum: ['not-sent', 'refused', 'unknown'] },
    message: { type: 'string' },
  },
  { code: { type: 'string', example: 'MIMC_TIMEOUT' } },
);

/** A broadcast as it is asked for and as it is told. */
export const broadcastSchemas: Record<string, Schema> = {
  CreateBroadcast: {
    type: 'object',
    additionalProperties: false,
    required: ['kind', 'message', 'recipients'],
    properties: {
      id: broadcastFields.id,
      kind: broadcastFields.kind,
      message: { type: 'object', additionalProperties: false, required: ['msg'], properties: message },
      recipients: {
        type: 'array',
        minItems: 1,
        items: { anyOf: [account, topicId] },
        description: 'As many as a body of this API may hold; upload a larger audience.',
      },
      options,
    },
  },
  Broadcast: object(
    {
      id: broadcastFields.id,
      kind: broadcastFields.kind,
      state: {
        type: 'string',
        enum: ['running', 'paused', 'done', 'cancelled', 'failed'],
        description: 'failed: it stopped by itself, and may be resumed or cancelled.',
      },
      total: count('Recipients of the audience.'),
      progress,
      failures: { type: 'array', items: failure, description: 'Requests that were not accepted, the first of them.' },
      failuresOmitted: count('Recipients of failures that are not listed.'),
      createdAt: { type: 'string', format: 'date-time' },
    },
    {
      stoppedBy: {
        type: 'string',
        enum: ['end', 'abort', 'failures', 'source-error'],
        description: 'Why it is not running.',
      },
      error: {
        type: 'object',
        required: ['message'],
        properties: { code: { type: 'string' }, message: { type: 'string' } },
        description: 'What stopped it, when that was an error.',
      },
      checkpoint,
      finishedAt: { type: 'string', format: 'date-time' },
    },
  ),
};

function object(required: Record<string, Schema>, optional: Record<string, Schema> = {}): Schema {
  return { type: 'object', required: Object.keys(required), properties: { ...required, ...optional } };
}
