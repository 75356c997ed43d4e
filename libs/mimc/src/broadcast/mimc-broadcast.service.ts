import { MimcError, MimcViolation } from '../errors/mimc-error.js';
import { defaultChunkSize, type MimcQuotaKind } from '../pacing/quota.js';
import { accountRule, topicIdRule } from '../validation/push-rules.js';
import type { TopicId } from '../validation/push-rules.js';
import { isRecord, type Rule } from '../validation/rules.js';
import { invalid } from '../validation/violations.js';
import type { MimcPushService } from '../push/mimc-push.service.js';
import { type MimcAudience, violationsOfAudience } from './audience.js';
import { Broadcast } from './broadcast.js';
import {
  checkBroadcastOptions,
  MimcBroadcastMessage,
  MimcBroadcastOptions,
  MimcPersonalOptions,
  MimcPersonalPush,
} from './broadcast-options.js';
import { estimate, MimcBroadcastEstimate } from './estimate.js';

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
   * @throws MimcError `MIMC_INVALID` when the message, the options or the audience is invalid
   */
  toAccounts(
    audience: MimcAudience<string>,
    message: MimcBroadcastMessage,
    options?: MimcBroadcastOptions<string>,
  ): Broadcast<string> {
    const checked = this.#check<string>('accounts', audience, message, options);
    return new Broadcast({
      audience,
      rule: accountRule,
      closing: this.push.closing,
      begin: () => this.push.beginUse(),
      send: this.push.sender('accounts', checked.message, checked.options),
      options: checked.options,
    });
  }

  /**
   * A broadcast to groups; it starts when it is iterated or drained.
   *
   * @throws MimcError `MIMC_INVALID` when the message, the options or the audience is invalid
   */
  toTopics(
    audience: MimcAudience<TopicId>,
    message: MimcBroadcastMessage,
    options?: MimcBroadcastOptions<TopicId>,
  ): Broadcast<TopicId> {
    const checked = this.#check<TopicId>('topics', audience, message, options);
    return new Broadcast({
      audience,
      rule: topicIdRule,
      closing: this.push.closing,
      begin: () => this.push.beginUse(),
      send: this.push.sender('topics', checked.message, checked.options),
      options: checked.options,
    });
  }

  /**
   * A broadcast of whole pushes, each to one account or group with a text of its own; it starts when it is iterated or
   * drained. It streams, resumes and reports as those of one message do; an offset counts pushes.
   *
   * @throws MimcError `MIMC_INVALID` when the options or the audience are wrong
   */
  toEach(audience: MimcAudience<MimcPersonalPush>, options?: MimcPersonalOptions): Broadcast<MimcPersonalPush> {
    const { value, violations } = this.#options<MimcPersonalPush>('accounts', { ...options, chunkSize: 1 });
    const found = [...violations, ...unfit({ ...options }), ...violationsOfAudience(audience)];
    if (found.length > 0) throw new MimcError(invalid(found));
    return new Broadcast({
      audience,
      rule: personalRule(this.push),
      closing: this.push.closing,
      begin: () => this.push.beginUse(),
      send: this.push.eachSender(value),
      options: value,
    });
  }

  /**
   * The least that a broadcast to `count` recipients will take.
   *
   * @throws MimcError `MIMC_INVALID` when `count` is not a number of recipients, or `chunkSize` is not possible
   */
  estimate(
    kind: MimcQuotaKind,
    count: number,
    options?: Pick<MimcBroadcastOptions<never>, 'chunkSize'>,
  ): MimcBroadcastEstimate {
    const { value, violations } = this.#options(kind, options);
    const isCount = Number.isSafeInteger(count) && count >= 0;
    const ofCount = { field: 'count', rule: 'isCount', message: 'count must be a whole number, 0 or more' };
    const found = [...violations, ...(isCount ? [] : [ofCount])];
    if (found.length > 0) throw new MimcError(invalid(found));
    return estimate(count, value.chunkSize, this.push.status()[kind].unitsPerSecond);
  }

  #check<R>(kind: MimcQuotaKind, audience: unknown, message: unknown, given: unknown) {
    const { value: options, violations } = this.#options<R>(kind, given);
    const found = [...violations, ...violationsOfAudience(audience)];
    return { message: this.push.checkMessage(message, found), options };
  }

  /** The options with their `chunkSize`, and what is wrong with them. */
  #options<R>(kind: MimcQuotaKind, given: unknown = {}) {
    const { value, violations } = checkBroadcastOptions<R>(given);
    const { unitsPerSecond } = this.push.status()[kind];
    const options = { ...value, chunkSize: value.chunkSize ?? defaultChunkSize(kind, unitsPerSecond) };
    return { value: options, violations: violations.length > 0 ? violations : heavyChunk(options, unitsPerSecond) };
  }
}

/** What one of the audience must be: what a push of its own would have to be. */
function personalRule(push: MimcPushService): Rule {
  const problem = (value: unknown): string | undefined => {
    if (!isRecord(value)) return '$property must be a push: { toAccount, msg } or { topicId, msg }';
    try {
      push.checkPush('topicId' in value ? 'p2t' : 'p2p', value);
      return undefined;
    } catch (error) {
      return MimcError.is(error) ? `$property: ${error.message}` : '$property cannot be read';
    }
  };
  return {
    name: 'isPush',
    test: (value) => problem(value) === undefined,
    must: 'must be a push',
    message: (value) => problem(value) ?? '',
  };
}

/** Options that a broadcast of whole pushes does not have. */
function unfit(options: object): MimcViolation[] {
  return ['chunkSize', 'dedupeWindow']
    .filter((name) => Reflect.get(options, name) !== undefined)
    .map((name) => {
      const field = `options.${name}`;
      return { field, rule: 'isUndefined', message: `${field} must be left out: each push is a request of its own` };
    });
}

function heavyChunk({ chunkSize }: { chunkSize: number }, unitsPerSecond = Infinity): MimcViolation[] {
  if (chunkSize <= unitsPerSecond) return [];
  const message = `options.chunkSize must not be more than ${unitsPerSecond}, the quota of a second`;
  return [{ field: 'options.chunkSize', rule: 'quota', message }];
}
