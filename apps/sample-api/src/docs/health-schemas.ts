import type { Schema } from './openapi.js';

const checks = (description: string): Schema => ({
  type: 'object',
  description,
  additionalProperties: {
    type: 'object',
    required: ['status'],
    properties: { status: { type: 'string', enum: ['up', 'down'] } },
    additionalProperties: true,
  },
});

/** The answer of a readiness check. */
export const healthSchemas: Record<string, Schema> = {
  Health: {
    type: 'object',
    required: ['status', 'info', 'error', 'details'],
    properties: {
      status: { type: 'string', enum: ['ok', 'error', 'shutting_down'] },
      info: checks('What is up.'),
      error: checks('What is down.'),
      details: checks('Both.'),
    },
  },
};
