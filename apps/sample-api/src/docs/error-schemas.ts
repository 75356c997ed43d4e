import type { Schema } from './openapi.js';

const http: Record<string, Schema> = {
  statusCode: { type: 'integer' },
  error: { type: 'string', description: 'Reason phrase of the status.' },
  message: { type: 'string' },
};

/** The two shapes of a refusal. */
export const errorSchemas: Record<string, Schema> = {
  HttpError: { type: 'object', required: Object.keys(http), properties: http },
  PushError: {
    type: 'object',
    required: [...Object.keys(http), 'code', 'outcome'],
    properties: {
      ...http,
      code: { type: 'string', description: 'What went wrong, as a code of nestjs-mimc.', example: 'MIMC_INVALID' },
      outcome: {
        type: 'string',
        enum: ['not-sent', 'refused', 'unknown'],
        description:
          'not-sent: provably nothing reached MIMC. refused: MIMC said no. unknown: it may have been sent, and sending ' +
          'again may duplicate it.',
      },
      callId: { type: 'string', format: 'uuid' },
      apiCode: { type: 'integer', description: "`code` of MIMC's own answer." },
      retryAfterMs: { type: 'integer', minimum: 0, description: 'How long to wait before the next try.' },
      violations: {
        type: 'array',
        items: {
          type: 'object',
          required: ['field', 'rule', 'message'],
          properties: {
            field: { type: 'string', description: 'Empty when it is the whole body.', example: 'toAccounts[3]' },
            rule: { type: 'string', example: 'isAccount' },
            message: { type: 'string' },
          },
        },
      },
    },
  },
};
