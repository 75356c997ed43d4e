import { errorName } from './visible.js';

/** What went wrong. Switch on it; the set only grows in a minor version. */
export type MimcErrorCode =
  /**
   * Something a person must correct; nothing is sent. At boot: an option is wrong. In a call: a proxy answers 407, the code
   * of a custom dispatcher fails, or Redis does not let the limiter run scripts.
   */
  | 'MIMC_CONFIG'
  /** The DTO or the call's options are wrong; `violations` says where. */
  | 'MIMC_INVALID'
  /** Too many calls are already waiting for quota. */
  | 'MIMC_QUEUE_FULL'
  /** The application is shutting down. */
  | 'MIMC_CLOSED'
  /**
   * No connection could be made: DNS, refused, TLS, connect time limit, idle socket found reset; or none to Redis. `unknown` if
   * Redis did not confirm what was being added to the durable queue.
   */
  | 'MIMC_CONNECT'
  /** The caller's `signal` was aborted. */
  | 'MIMC_ABORTED'
  /** `deadlineMs` passed. */
  | 'MIMC_DEADLINE'
  /** The reply did not end within `timeouts.responseMs` of dispatch. */
  | 'MIMC_TIMEOUT'
  /** The connection broke after dispatch and before the reply ended. */
  | 'MIMC_RESET'
  /** A non-2xx HTTP status without a MIMC envelope. */
  | 'MIMC_HTTP'
  /**
   * A reply that is not a MIMC envelope, a success without what the call asked for (a packetId, a token, a group), or a success
   * under a failing HTTP status.
   */
  | 'MIMC_BAD_RESPONSE'
  /** MIMC refused this application's credentials. */
  | 'MIMC_AUTH'
  /** MIMC throttled the call. */
  | 'MIMC_RATE_LIMITED'
  /** MIMC answered with any other code than 200; `apiCode` and `apiMessage` hold what it said. */
  | 'MIMC_API';

/**
 * What a failed call may have done.
 *
 * - `not-sent`: provably nothing reached MIMC; sending again cannot duplicate.
 * - `refused`: MIMC answered and said no.
 * - `unknown`: it may have been sent; sending again may duplicate.
 */
export type MimcOutcome = 'not-sent' | 'refused' | 'unknown';

/** Which endpoint of pushes, by its path after `/api/push/`; `ucs` pushes to unlimited groups. */
export type MimcPushEndpoint =
  'p2p' | 'p2p/more' | 'p2t' | 'p2t/more' | 'ucs/singleMsgPush' | 'ucs/multiMsgPush' | 'ucs/multiTopicPush';

/** Which operation on a group (`topic`) or an unlimited group (`uctopic`). */
export type MimcTopicEndpoint =
  | `topic/${'create' | 'get' | 'list' | 'invite' | 'kick' | 'quit' | 'update' | 'dissolve'}`
  | `uctopic/${'create' | 'update' | 'dissolve' | 'list' | 'members' | 'online'}`;

/** Which endpoint of MIMC: that of a push, the one that issues tokens, or an operation on groups. */
export type MimcEndpoint = MimcPushEndpoint | 'account/token' | MimcTopicEndpoint;

/** One broken rule. It names the field and never holds its value. */
export interface MimcViolation {
  /** Path of the field, an array element by its index: `toAccounts[3]`. Empty when it is the whole DTO. */
  readonly field: string;
  /** Name of the rule, as class-validator names its constraints: `isString`, `isTopicId`, … */
  readonly rule: string;
  readonly message: string;
}

/** The fields of a {@link MimcError}. */
export interface MimcErrorInit {
  code: MimcErrorCode;
  message: string;
  outcome: MimcOutcome;
  endpoint?: MimcEndpoint | undefined;
  callId?: string | undefined;
  attempts?: number | undefined;
  httpStatus?: number | undefined;
  apiCode?: number | undefined;
  apiMessage?: string | undefined;
  retryAfterMs?: number | undefined;
  violations?: readonly MimcViolation[] | undefined;
}

/** What {@link MimcError.toJSON} returns. */
export type MimcErrorJson = Readonly<MimcErrorInit> & { readonly name: string; readonly retryable: boolean };

const BRAND = Symbol.for('nestjs-mimc.MimcError');

/** Codes of failures that pass by themselves: the same call may succeed later. */
const TRANSIENT: ReadonlySet<MimcErrorCode> = new Set<MimcErrorCode>([
  'MIMC_CONNECT',
  'MIMC_RATE_LIMITED',
  'MIMC_QUEUE_FULL',
  'MIMC_DEADLINE',
  'MIMC_CLOSED',
]);

/**
 * The one error of this library. Switch on `code` for what happened, and on `outcome` for whether the message may have
 * been sent. It never holds the request, so no credential can be read from it.
 */
export class MimcError extends Error {
  declare readonly code: MimcErrorCode;
  /** The worst outcome of all attempts of the call: `unknown`, then `refused`, then `not-sent`. */
  declare readonly outcome: MimcOutcome;
  /** True when sending again later is safe and may help; always false when the outcome is `unknown`. */
  declare readonly retryable: boolean;
  /** Absent on an error at boot, which belongs to no call. */
  declare readonly endpoint?: MimcEndpoint;
  /** Id of the call, the same in every event and receipt of it. */
  declare readonly callId?: string;
  /** Requests begun; 0 when the call was refused locally. */
  declare readonly attempts: number;
  /** HTTP status of the last reply. */
  declare readonly httpStatus?: number;
  /** `code` of MIMC's envelope. */
  declare readonly apiCode?: number;
  /** `message` of MIMC's envelope, at most 500 characters, credentials removed, control and invisible characters escaped. */
  declare readonly apiMessage?: string;
  /** How long to wait before the next try, in milliseconds, when known. */
  declare readonly retryAfterMs?: number;
  /** The broken rules, on `MIMC_INVALID` and `MIMC_CONFIG`. */
  declare readonly violations?: readonly MimcViolation[];
  /** Where the package explains `code`, for those who see the error printed; absent when `NODE_ENV` is `production`. */
  declare readonly docs?: string;

  constructor({ message, ...init }: MimcErrorInit) {
    super(message);
    const retryable = init.outcome !== 'unknown' && TRANSIENT.has(init.code);
    const fields = Object.entries({ attempts: 0, ...init, retryable, docs: docsOf(init.code) });
    Object.assign(this, Object.fromEntries(fields.filter(([, value]) => value !== undefined)));
  }

  static {
    this.prototype.name = 'MimcError';
    Object.defineProperty(this.prototype, BRAND, { value: true });
  }

  /** Whether `value` is a MimcError, of this or of another installed copy of the library. */
  static is(value: unknown): value is MimcError {
    try {
      return typeof value === 'object' && value !== null && BRAND in value;
    } catch {
      // A revoked proxy.
      return false;
    }
  }

  /** `instanceof` also works across installed copies, so that `@Catch(MimcError)` does. */
  static override [Symbol.hasInstance](value: unknown): boolean {
    return this === MimcError ? MimcError.is(value) : Function.prototype[Symbol.hasInstance].call(this, value);
  }

  /**
   * The error that {@link toJSON} was called on, in another process or thread: what `structuredClone`, `postMessage` or an
   * RPC transport makes of an error itself has neither its fields nor its class. Other fields than those are ignored.
   *
   * @example
   * worker.on('message', (json) => reject(MimcError.fromJSON(json)));
   * @throws TypeError when `json` is not what {@link toJSON} returns
   */
  static fromJSON(json: unknown): MimcError {
    const init = readJson(json);
    if (init === undefined) throw new TypeError('The value is not the JSON of a MimcError');
    return new MimcError(init);
  }

  /** All fields but `docs` as plain data, which survives `JSON` and `structuredClone`; {@link fromJSON} reads it. */
  toJSON(): MimcErrorJson {
    const { docs: _, ...fields } = this;
    return { ...(fields as MimcErrorJson), name: this.name, message: this.message };
  }
}

/** Read for each error, as an application may set `NODE_ENV` after it imported this. */
function docsOf(code: MimcErrorCode): string | undefined {
  if (process.env['NODE_ENV'] === 'production') return undefined;
  return `nestjs-mimc/docs/errors.md#${code.toLowerCase()}`;
}

const OUTCOMES: ReadonlySet<unknown> = new Set<MimcOutcome>(['not-sent', 'refused', 'unknown']);

/** The type of each optional field in JSON. */
const OPTIONAL = {
  endpoint: 'string',
  callId: 'string',
  attempts: 'number',
  httpStatus: 'number',
  apiCode: 'number',
  apiMessage: 'string',
  retryAfterMs: 'number',
} as const;

/** A code of a later version is taken too; `retryable` follows from the rest. */
function readJson(json: unknown): MimcErrorInit | undefined {
  if (typeof json !== 'object' || json === null) return undefined;
  const given = json as Record<string, unknown>;
  const { code, message, outcome, violations } = given;
  const isOne = typeof code === 'string' && /^MIMC_[A-Z_]+$/.test(code) && typeof message === 'string';
  if (!isOne || !OUTCOMES.has(outcome)) return undefined;
  const fields = Object.entries(OPTIONAL).filter(([field, type]) => typeof given[field] === type);
  return {
    ...Object.fromEntries(fields.map(([field]) => [field, given[field]])),
    ...(Array.isArray(violations) && { violations: violations.filter(isViolation) }),
    code: code as MimcErrorCode,
    message,
    outcome: outcome as MimcOutcome,
  };
}

function isViolation(value: unknown): value is MimcViolation {
  const { field, rule, message } = (value ?? {}) as Record<string, unknown>;
  return [field, rule, message].every((text) => typeof text === 'string');
}

/** The error of a message that provably was not sent. */
export function notSent(code: MimcErrorCode, message: string): MimcError {
  return new MimcError({ code, outcome: 'not-sent', message });
}

/** An error that is not a MimcError proves nothing, so the outcome is unknown. */
export function unexpected(what: string, error: unknown): MimcError {
  return new MimcError({
    code: 'MIMC_BAD_RESPONSE',
    outcome: 'unknown',
    message: `${what} failed (${errorName(error)})`,
  });
}
