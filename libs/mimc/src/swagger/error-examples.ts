import { MimcError, type MimcErrorCode, type MimcErrorInit, type MimcErrorTable, toHttpException } from '../index.js';

/** What a code means to the client of a route, and errors that have it. */
interface Failure {
  means: string;
  errors: readonly Omit<MimcErrorInit, 'code'>[];
}

/** An answer as an application gives it. */
export interface FailureExample {
  status: number;
  code: MimcErrorCode;
  means: string;
  /** Of all examples, this one's name. */
  name: string;
  summary: string;
  body: string | object;
  /** Whether the answer has a `Retry-After`. */
  hasRetryAfter: boolean;
}

const callId = '8c7d8e2e-5d5f-4a70-9a39-0d2f3c1b6a44';

const FAILURES: Readonly<Record<MimcErrorCode, Failure>> = {
  MIMC_INVALID: {
    means: 'the request breaks a rule; `violations` says where',
    errors: [
      invalid('msg', 'isNotEmpty', 'msg should not be empty'),
      invalid('toAccounts[3]', 'isAccount', 'toAccounts[3] must be a string of 1 to 256 characters'),
      invalid('color', 'whitelistValidation', 'color is not a known field'),
    ],
  },
  MIMC_API: {
    means: 'MIMC refused the push; `apiCode` and `message` say why',
    errors: [
      refused('MIMC answered code 400: msg is invalid', 400),
      refused('MIMC answered code 403: forbidden', 403),
      refused('MIMC answered code 404: no such topic', 404),
      refused('MIMC answered code 410: the topic is gone', 410),
      refused('MIMC answered code 413: msg is too large', 413),
      refused('MIMC answered code 500: push fail', 500),
    ],
  },
  MIMC_RATE_LIMITED: {
    means: 'MIMC throttled the push',
    errors: [{ ...refused('MIMC throttled the call', 429), retryAfterMs: 2000 }],
  },
  MIMC_AUTH: {
    means: "MIMC refused this server's credentials",
    errors: [refused('MIMC refused the credentials', 401)],
  },
  MIMC_HTTP: { means: 'something other than MIMC answered', errors: [unknown('MIMC answered HTTP status 502')] },
  MIMC_RESET: {
    means: 'the connection to MIMC broke',
    errors: [unknown("The connection was lost before MIMC's reply was complete (ECONNRESET)")],
  },
  MIMC_BAD_RESPONSE: {
    means: "MIMC's answer cannot be understood",
    errors: [unknown('The reply is not a MIMC envelope')],
  },
  MIMC_TIMEOUT: { means: 'MIMC did not answer in time', errors: [unknown('MIMC did not reply within 10000 ms')] },
  MIMC_QUEUE_FULL: {
    means: 'too many pushes wait for quota',
    errors: [notSent('10000 calls wait for quota already')],
  },
  MIMC_CONNECT: {
    means: 'MIMC cannot be reached',
    errors: [notSent('Could not connect to MIMC (ECONNREFUSED)')],
  },
  MIMC_CLOSED: { means: 'this server is shutting down', errors: [notSent('The application is shutting down')] },
  MIMC_ABORTED: { means: 'the push was cancelled', errors: [notSent('The call was aborted')] },
  MIMC_DEADLINE: {
    means: 'the push was not done by its deadline',
    errors: [notSent('The quota cannot admit the call before its deadline')],
  },
  MIMC_CONFIG: {
    means: 'this server is not set up correctly',
    errors: [notSent('The proxy answered CONNECT with 407')],
  },
};

/** An example of every failure of a push, with the status that `overrides` and the library's own table give it. */
export function failureExamples(overrides?: Partial<MimcErrorTable>): FailureExample[] {
  return Object.entries(FAILURES).flatMap(([key, { means, errors }]) => {
    const code = key as MimcErrorCode;
    return errors.map((init) => exampleOf(new MimcError({ ...init, code }), means, overrides));
  });
}

function exampleOf(error: MimcError, means: string, overrides?: Partial<MimcErrorTable>): FailureExample {
  const { code, outcome, message: summary, retryAfterMs, violations } = error;
  const exception = toHttpException(error, overrides);
  return {
    status: exception.getStatus(),
    code,
    means,
    name: [code, violations?.[0]?.rule].filter(Boolean).join(' '),
    summary,
    body: exception.getResponse(),
    hasRetryAfter: retryAfterMs !== undefined && outcome !== 'unknown',
  };
}

/** Without a call id: a ValidationPipe refuses before there is a call. */
function invalid(field: string, rule: string, message: string): Omit<MimcErrorInit, 'code'> {
  return { outcome: 'not-sent', message, violations: [{ field, rule, message }] };
}

function refused(message: string, apiCode: number): Omit<MimcErrorInit, 'code'> {
  return { outcome: 'refused', message, callId, apiCode };
}

function notSent(message: string): Omit<MimcErrorInit, 'code'> {
  return { outcome: 'not-sent', message, callId };
}

function unknown(message: string): Omit<MimcErrorInit, 'code'> {
  return { outcome: 'unknown', message, callId };
}
