import { MimcError, MimcViolation } from '../errors/mimc-error.js';
import type { MimcQuotaKind } from '../push/limits.js';
import type { MimcPushService } from '../push/mimc-push.service.js';
import { accountRule, topicIdRule } from '../push/rules.js';
import type { TopicId } from '../push/topic-id.js';
import { invalid } from '../push/validation.js';
import { Broadcast } from './broadcast.js';
import {
  MimcAudience,
  MimcBroadcastMessage,
  MimcBroadcastOptions,
  violationsOfBroadcastOptions,
} from './broadcast-options.js';
import { estimate, MimcBroadcastEstimate } from './estimate.js';

/** A fifth of MIMC's quota of a second, when there is none to take a fifth of. */
const CHUNK_SIZE: Readonly<Record<MimcQuotaKind, number>> = { accounts: 10, topics: 4 };

/**
 * Sends one message to audiences of any size, from any iterable, in requests that keep to the quota. Memory stays flat.
 *
 * @example
 * const summary = await broadcasts.toAccounts(readAccounts(), { fromAccount: 'news', msg: 'hello' }).drain();
 */
export class MimcBroadcastService {
  /** @internal Applications inject the service. */
  constructor(private readonly push: MimcPushService) {}

  /**
   * A broadcast to accounts; it starts when it is iterated or drained.
   *
   * @throws MimcError `MIMC_INVALID` when the message, the options or the audience are no such thing
   */
  toAccounts(
    audience: MimcAudience<string>,
    message: MimcBroadcastMessage,
    options: MimcBroadcastOptions<string> = {},
  ): Broadcast<string> {
    const checked = this.#check('accounts', audience, message, options);
    return new Broadcast({
      audience,
      isValid: accountRule.test,
      send: this.push.sender('accounts', checked, options),
      options: { ...options, chunkSize: this.#chunkSize('accounts', options) },
    });
  }

  /**
   * A broadcast to groups; it starts when it is iterated or drained.
   *
   * @throws MimcError `MIMC_INVALID` when the message, the options or the audience are no such thing
   */
  toTopics(
    audience: MimcAudience<TopicId>,
    message: MimcBroadcastMessage,
    options: MimcBroadcastOptions<TopicId> = {},
  ): Broadcast<TopicId> {
    const checked = this.#check('topics', audience, message, options);
    return new Broadcast({
      audience,
      isValid: topicIdRule.test,
      send: this.push.sender('topics', checked, options),
      options: { ...options, chunkSize: this.#chunkSize('topics', options) },
    });
  }

  /**
   * What a broadcast to `count` recipients will take at the least.
   *
   * @throws MimcError `MIMC_INVALID` when `count` is no number of recipients, or `chunkSize` not possible
   */
  estimate(kind: MimcQuotaKind, count: number, options: { chunkSize?: number } = {}): MimcBroadcastEstimate {
    const isCount = Number.isSafeInteger(count) && count >= 0;
    const ofCount = { field: 'count', rule: 'isCount', message: 'count must be a whole number, 0 or more' };
    const found = [...this.#violations(kind, options), ...(isCount ? [] : [ofCount])];
    if (found.length > 0) throw new MimcError(invalid(found));
    return estimate(count, this.#chunkSize(kind, options), this.push.status()[kind].unitsPerSecond);
  }

  #chunkSize(kind: MimcQuotaKind, { chunkSize }: { chunkSize?: number }): number {
    const { unitsPerSecond } = this.push.status()[kind];
    return chunkSize ?? (unitsPerSecond === undefined ? CHUNK_SIZE[kind] : Math.max(1, Math.floor(unitsPerSecond / 5)));
  }

  #check(
    kind: MimcQuotaKind,
    audience: unknown,
    message: unknown,
    options: MimcBroadcastOptions<never>,
  ): MimcBroadcastMessage {
    return this.push.checkMessage(message, [...this.#violations(kind, options), ...violationsOfAudience(audience)]);
  }

  #violations(kind: MimcQuotaKind, options: MimcBroadcastOptions<never>): MimcViolation[] {
    const found = violationsOfBroadcastOptions(options);
    return found.length > 0 ? found : this.#heavyChunk(kind, options);
  }

  #heavyChunk(kind: MimcQuotaKind, options: { chunkSize?: number }): MimcViolation[] {
    const { unitsPerSecond = Infinity } = this.push.status()[kind];
    if (this.#chunkSize(kind, options) <= unitsPerSecond) return [];
    const message = `options.chunkSize must not be more than ${unitsPerSecond}, the quota of a second`;
    return [{ field: 'options.chunkSize', rule: 'quota', message }];
  }
}

/** A string is iterable too, by its characters, and a map by pairs. */
function violationsOfAudience(audience: unknown): MimcViolation[] {
  const isIterable =
    typeof audience === 'object' &&
    audience !== null &&
    !(audience instanceof Map) &&
    (Symbol.iterator in audience || Symbol.asyncIterator in audience);
  if (isIterable) return [];
  return [{ field: 'audience', rule: 'isIterable', message: 'audience must be an iterable or an async iterable' }];
}
