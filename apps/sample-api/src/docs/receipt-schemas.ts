import type { Schema } from './openapi.js';

const milliseconds = (description: string): Schema => ({ type: 'number', minimum: 0, description });

const call: Record<string, Schema> = {
  callId: { type: 'string', format: 'uuid' },
  attempts: { type: 'integer', minimum: 1, description: 'Requests made, the successful one included.' },
  timing: {
    type: 'object',
    description: 'Where the time of the call went, in milliseconds.',
    required: ['queuedMs', 'networkMs', 'backoffMs'],
    properties: {
      queuedMs: milliseconds('Waiting for quota.'),
      networkMs: milliseconds('Requests and replies.'),
      backoffMs: milliseconds('Between attempts.'),
    },
  },
  mayBeDuplicate: { type: 'boolean', description: 'Whether an earlier attempt may have been delivered too.' },
};

/** What an accepted push is answered with. */
export const receiptSchemas: Record<string, Schema> = {
  PushReceipt: receipt({ packetId: { type: 'string', description: "MIMC's id of the message." } }),
  BatchPushReceipt: receipt({
    packetIds: { type: 'array', items: { type: 'string' }, description: "MIMC's ids of the messages." },
    requested: { type: 'integer', minimum: 1, description: 'Recipients of the call.' },
  }),
};

function receipt(own: Record<string, Schema>): Schema {
  const properties = { ...own, ...call };
  return { type: 'object', required: Object.keys(properties), properties };
}
