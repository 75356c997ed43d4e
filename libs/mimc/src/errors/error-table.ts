import { STATUS_CODES } from 'node:http';
import {
  BadGatewayException,
  BadRequestException,
  ForbiddenException,
  GatewayTimeoutException,
  GoneException,
  HttpException,
  HttpStatus,
  InternalServerErrorException,
  NotFoundException,
  PayloadTooLargeException,
  ServiceUnavailableException,
} from '@nestjs/common';
import { MimcError, MimcErrorCode, MimcOutcome, MimcViolation } from './mimc-error.js';

/** The body of the HTTP answer to a {@link MimcError}. */
export interface MimcErrorBody {
  statusCode: number;
  /** Reason phrase of the status. */
  error: string;
  message: string;
  code: MimcErrorCode;
  /** Whether anything may have been sent. */
  outcome: MimcOutcome;
  callId?: string;
  apiCode?: number;
  retryAfterMs?: number;
  violations?: readonly MimcViolation[];
}

/** Turns an error into a Nest exception; `body` builds the documented body for a status. */
export type MimcErrorMapper = (error: MimcError, body: (status: number) => MimcErrorBody) => HttpException;

/** One mapper for each code. */
export type MimcErrorTable = Readonly<Record<MimcErrorCode, MimcErrorMapper>>;

/**
 * Injection token of a partial {@link MimcErrorTable} that overrides {@link mimcErrorTable} code by code, for
 * {@link MimcErrorInterceptor} and {@link MimcExceptionFilter}.
 *
 * @example
 * { provide: MIMC_ERROR_TABLE, useValue: { MIMC_AUTH: (error, body) => new InternalServerErrorException(body(500)) } }
 */
export const MIMC_ERROR_TABLE = Symbol.for('nestjs-mimc.MIMC_ERROR_TABLE');

const badRequest: MimcErrorMapper = (_error, body) => new BadRequestException(body(HttpStatus.BAD_REQUEST));
const badGateway: MimcErrorMapper = (_error, body) => new BadGatewayException(body(HttpStatus.BAD_GATEWAY));
const unavailable: MimcErrorMapper = (_error, body) =>
  new ServiceUnavailableException(body(HttpStatus.SERVICE_UNAVAILABLE));
const gatewayTimeout: MimcErrorMapper = (_error, body) => new GatewayTimeoutException(body(HttpStatus.GATEWAY_TIMEOUT));

/** MIMC publishes no table of its codes; these imitate HTTP (docs/mimc-api.md §2, §10). */
const byApiCode: Readonly<Record<number, MimcErrorMapper>> = {
  400: badRequest,
  403: (_error, body) => new ForbiddenException(body(HttpStatus.FORBIDDEN)),
  404: (_error, body) => new NotFoundException(body(HttpStatus.NOT_FOUND)),
  410: (_error, body) => new GoneException(body(HttpStatus.GONE)),
  413: (_error, body) => new PayloadTooLargeException(body(HttpStatus.PAYLOAD_TOO_LARGE)),
};

/** Which Nest exception each code becomes, unless overridden through {@link MIMC_ERROR_TABLE}. */
export const mimcErrorTable: MimcErrorTable = Object.freeze({
  MIMC_INVALID: badRequest,
  MIMC_RATE_LIMITED: (_error, body) =>
    new HttpException(body(HttpStatus.TOO_MANY_REQUESTS), HttpStatus.TOO_MANY_REQUESTS),
  MIMC_API: (error, body) => (byApiCode[error.apiCode ?? 0] ?? badGateway)(error, body),
  MIMC_AUTH: badGateway,
  MIMC_HTTP: badGateway,
  MIMC_RESET: badGateway,
  MIMC_BAD_RESPONSE: badGateway,
  MIMC_QUEUE_FULL: unavailable,
  MIMC_CONNECT: unavailable,
  MIMC_CLOSED: unavailable,
  MIMC_ABORTED: unavailable,
  MIMC_TIMEOUT: gatewayTimeout,
  MIMC_DEADLINE: gatewayTimeout,
  MIMC_CONFIG: (_error, body) => new InternalServerErrorException(body(HttpStatus.INTERNAL_SERVER_ERROR)),
});

/** The Nest exception for `error`, by {@link mimcErrorTable} and the `overrides` of it. */
export function toHttpException(error: MimcError, overrides: Partial<MimcErrorTable> = {}): HttpException {
  const map = overrides[error.code] ?? mimcErrorTable[error.code] ?? badGateway;
  return map(error, (status) => mimcErrorBody(error, status));
}

/**
 * Seconds for a `Retry-After` header (RFC 9110 §10.2.3). None when the outcome is unknown: a client that obeyed would
 * send a duplicate.
 */
export function retryAfterSeconds(error: MimcError): number | undefined {
  if (error.outcome === 'unknown' || error.retryAfterMs === undefined) return undefined;
  return Math.ceil(error.retryAfterMs / 1000);
}

/** The documented body of the answer to `error` with this status. */
export function mimcErrorBody(error: MimcError, statusCode: number): MimcErrorBody {
  const { message, code, outcome, callId, apiCode, retryAfterMs, violations } = error;
  return {
    statusCode,
    error: STATUS_CODES[statusCode] ?? 'Error',
    message,
    code,
    outcome,
    ...(callId !== undefined && { callId }),
    ...(apiCode !== undefined && { apiCode }),
    ...(retryAfterMs !== undefined && { retryAfterMs }),
    ...(violations !== undefined && { violations }),
  };
}
