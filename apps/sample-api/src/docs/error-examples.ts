import { STATUS_CODES } from 'node:http';
import { MimcError, toHttpException, type MimcErrorBody, type MimcErrorInit, type MimcViolation } from 'nestjs-mimc';
import type { Examples } from './openapi.js';

const callId = '8c7d8e2e-5d5f-4a70-9a39-0d2f3c1b6a44';

/** A failure of a push of every kind; its status is not written here but asked of the library's own table. */
const pushFailures: readonly MimcError[] = [
  invalid('msg', 'isNotEmpty', 'msg should not be empty'),
  invalid(
    'toAccounts[3]',
    'isAccount',
    'toAccounts[3] must be a string of 1 to 256 characters, without control characters, line breaks or a byte order mark',
  ),
  invalid('color', 'whitelistValidation', 'color is not a known field'),
  invalid('', 'isJson', 'The body must be JSON: it is wrong at position 17'),
  refused('MIMC_API', 'MIMC answered code 400: msg is invalid', { apiCode: 400 }),
  refused('MIMC_API', 'MIMC answered code 403: forbidden', { apiCode: 403 }),
  refused('MIMC_API', 'MIMC answered code 404: no such topic', { apiCode: 404 }),
  refused('MIMC_API', 'MIMC answered code 410: the topic is gone', { apiCode: 410 }),
  refused('MIMC_API', 'MIMC answered code 413: msg is too large', { apiCode: 413 }),
  refused('MIMC_API', 'MIMC answered code 500: push fail', { apiCode: 500 }),
  refused('MIMC_RATE_LIMITED', 'MIMC throttled the call', { apiCode: 429, retryAfterMs: 2000 }),
  refused('MIMC_AUTH', 'MIMC refused the credentials', { apiCode: 401 }),
  unknown('MIMC_HTTP', 'MIMC answered HTTP status 502'),
  unknown('MIMC_RESET', "The connection broke before MIMC's reply ended (ECONNRESET)"),
  unknown('MIMC_BAD_RESPONSE', 'The reply is not a MIMC envelope'),
  unknown('MIMC_TIMEOUT', 'MIMC did not reply within 10000 ms'),
  notSent('MIMC_QUEUE_FULL', '10000 calls wait for quota already'),
  notSent('MIMC_CONNECT', 'No connection to MIMC could be made (ECONNREFUSED)'),
  notSent('MIMC_CLOSED', 'The application is shutting down'),
  notSent('MIMC_ABORTED', 'The call was aborted'),
  notSent('MIMC_DEADLINE', 'The quota cannot admit the call before its deadline'),
  notSent('MIMC_CONFIG', 'MimcModule options: appKey should not be empty'),
];

/** What this API refuses by itself. */
const httpFailures = [
  { status: 401, message: 'Send the API key as Authorization: Bearer <key>' },
  { status: 413, message: 'The body must not be larger than 262144 bytes' },
  { status: 415, message: 'The body must be application/json, in UTF-8' },
];

/** Examples of every failure of a push, by status. */
export const pushErrorExamples: ReadonlyMap<number, Examples> = byStatus(pushFailures.map(answerOf));

/** Examples of what any route but the public ones may refuse, by status. */
export const httpErrorExamples: ReadonlyMap<number, Examples> = byStatus(
  httpFailures.map(({ status, message }) => {
    const body = { message, error: STATUS_CODES[status], statusCode: status };
    return { status, key: `HTTP ${status}`, summary: message, body };
  }),
);

interface Answer {
  status: number;
  key: string;
  summary: string;
  body: object;
}

function byStatus(answers: readonly Answer[]): ReadonlyMap<number, Examples> {
  const examples = new Map<number, Examples>();
  for (const { status, key, summary, body } of answers) {
    examples.set(status, { ...examples.get(status), [key]: { summary, value: body } });
  }
  return examples;
}

function answerOf(error: MimcError): Answer {
  const exception = toHttpException(error);
  const key = [error.code, error.violations?.[0]?.rule].filter(Boolean).join(' ');
  return { status: exception.getStatus(), key, summary: error.message, body: exception.getResponse() as MimcErrorBody };
}

/** The pipe refuses before the call has an id. */
function invalid(field: string, rule: string, message: string): MimcError {
  const violations: MimcViolation[] = [{ field, rule, message }];
  return new MimcError({ code: 'MIMC_INVALID', outcome: 'not-sent', message, violations });
}

function notSent(code: MimcErrorInit['code'], message: string): MimcError {
  return new MimcError({ code, message, outcome: 'not-sent', callId });
}

function refused(code: MimcErrorInit['code'], message: string, said: Partial<MimcErrorInit>): MimcError {
  return new MimcError({ code, message, outcome: 'refused', callId, ...said });
}

function unknown(code: MimcErrorInit['code'], message: string): MimcError {
  return new MimcError({ code, message, outcome: 'unknown', callId });
}
