import {
  type MimcBroadcastMessage,
  MimcError,
  type MimcPushService,
  type MimcQuotaKind,
  type MimcViolation,
} from '../../index.js';
import { defaultChunkSize, invalid, violationsOfAudience, notSent } from '../../internals.js';
import type { MimcBroadcastRequest } from './queued-broadcast.js';

const ID = /^[\w.~-]{1,100}$/;

/** Recipients of a request: as configured, or a fifth of the quota. */
export function chunkSizeOf(kind: MimcQuotaKind, chunkSize: number | undefined, push: MimcPushService): number {
  const { unitsPerSecond } = push.status()[kind];
  return chunkSize ?? defaultChunkSize(kind, unitsPerSecond);
}

/**
 * The message of a request, checked.
 *
 * @throws MimcError `MIMC_INVALID` when something of the request is wrong
 */
export function checkRequest(
  { id, message, audience }: Pick<MimcBroadcastRequest, 'id' | 'message' | 'audience'>,
  kind: MimcQuotaKind,
  chunkSize: number,
  push: MimcPushService,
): MimcBroadcastMessage {
  const { unitsPerSecond = Infinity } = push.status()[kind];
  return push.checkMessage(message, [
    ...broken(typeof id === 'string' && ID.test(id), 'id', 'isId', 'must be 1 to 100 letters, digits and -._~'),
    ...broken(kind === 'accounts' || kind === 'topics', 'kind', 'isIn', 'must be accounts or topics'),
    ...violationsOfAudience(audience),
    ...broken(chunkSize <= unitsPerSecond, 'chunkSize', 'quota', `must not exceed ${unitsPerSecond}, a second's quota`),
  ]);
}

/** The refusal of a second message under one id. */
export function otherMessage(id: string): MimcError {
  const message = `id names another broadcast already: the message of ${id} differs`;
  return new MimcError(invalid([{ field: 'id', rule: 'sameMessage', message }]));
}

/** The refusal of a producer whose broadcast another one goes on with. */
export function takenOver(id: string): MimcError {
  const message = `id is enqueued by another producer: it took ${id} over before this audience was complete`;
  return new MimcError(invalid([{ field: 'id', rule: 'oneProducer', message }]));
}

/** The refusal of an audience that is not the one of before. */
export function otherAudience(id: string): MimcError {
  const message = `audience is not the one that was enqueued as ${id} before, or ${id} was removed meanwhile`;
  return new MimcError(invalid([{ field: 'audience', rule: 'sameAudience', message }]));
}

/** The refusal of an audience that lacks recipients it had before. */
export function shorter(id: string, read: number, before: number): MimcError {
  const message = `audience is shorter than what was enqueued as ${id} before: ${read} recipients, not ${before} or more`;
  return new MimcError(invalid([{ field: 'audience', rule: 'sameAudience', message }]));
}

/** The end of an enqueueing by the application's. */
export function closed(id: string): MimcError {
  const message = `The application shuts down before the audience of ${id} is complete; enqueue it again`;
  return notSent('MIMC_CLOSED', message);
}

function broken(holds: boolean, field: string, rule: string, must: string): MimcViolation[] {
  return holds ? [] : [{ field, rule, message: `${field} ${must}` }];
}
