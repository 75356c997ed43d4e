import type { Call } from '../delivery/delivery-engine.js';
import type { CallLimits } from '../delivery/call-scope.js';
import { retryOf } from '../delivery/retry.js';
import { MimcEndpoint, MimcError, MimcPushEndpoint, MimcViolation } from '../errors/mimc-error.js';
import { MimcQuotaKind, quotaOf } from '../pacing/quota.js';
import { isBatch } from '../transport/endpoints.js';
import { PacketIds, readPacketIdOf, readPacketIdsOf, type ReplyReader } from '../transport/reply.js';
import { check, Checked } from '../validation/check.js';
import type { TopicId } from '../validation/push-rules.js';
import { invalid } from '../validation/violations.js';
import { checkPushOptions, PushOptions } from './push-options.js';
import { PushDto, PushMessageDto } from './push.dto.js';
import { type Push, type Recipients, violationsOfLimits } from './push-limits.js';
import type { MimcSettings } from './settings.js';

/** A message, without recipients, that keeps the rules. */
export type CheckedMessage = Pick<PushMessageDto, keyof PushMessageDto>;

/** A push of one of the four core kinds, which can be kept and sent later. */
export type StoredPush = CheckedMessage & Recipients;

/** The endpoint of such a push. */
export type StoredEndpoint = 'p2p' | 'p2p/more' | 'p2t' | 'p2t/more';

/** What tells a call from others. */
export type CallId<E extends MimcEndpoint = MimcPushEndpoint> = Pick<Call, 'callId' | 'name'> & { endpoint: E };

/** A call and what limits it. */
export interface PreparedCall<T = PacketIds> {
  call: Call<T>;
  limits: CallLimits;
}

/** How a list of recipients becomes a call. */
export type BatchCall = (id: CallId, recipients: readonly TopicId[], admissionSignal: AbortSignal) => PreparedCall;

/** Makes calls of what an application gives: checked, with the defaults of the module, and their bodies written. */
export class CallFactory {
  constructor(private readonly settings: MimcSettings) {}

  /** @throws MimcError `MIMC_INVALID` */
  callOf<T extends PushDto>(id: CallId, type: new () => T, given: T, options: unknown): PreparedCall {
    const { value = {}, violations } = checkPushOptions(options);
    const push: Push = this.#accept(check(type, given), violations, { callId: id.callId, endpoint: id.endpoint });
    const {
      deadlineMs = this.settings.deadlineMs,
      signal,
      admissionSignal,
      priority: lane = 'interactive',
      retry,
    } = value;
    const call: Call<PacketIds> = {
      callId: id.callId,
      endpoint: id.endpoint,
      name: id.name,
      fields: fieldsWriter(push, this.settings)(push),
      bucket: quotaOf(id.endpoint),
      units: unitsOf(push),
      lane,
      retry: retryOf(this.settings.retry, retry),
      read: readerOf(id.endpoint),
    };
    return { call, limits: { deadlineMs, signal, admissionSignal } };
  }

  /**
   * A push, checked and with the module's sender, so that it is complete wherever it is sent.
   *
   * @throws MimcError `MIMC_INVALID`
   */
  pushOf(type: new () => StoredPush, given: unknown, endpoint: StoredEndpoint): StoredPush {
    return this.withSender(this.#accept(check(type, given), [], { endpoint }));
  }

  /** What is set of a message, with the module's sender where none is given. */
  withSender<T extends CheckedMessage>(message: T): T {
    const { fromAccount, fromResource } = this.settings;
    const complete = {
      ...message,
      fromAccount: message.fromAccount ?? fromAccount,
      fromResource: message.fromResource ?? fromResource,
    };
    return Object.fromEntries(Object.entries(complete).filter(([, value]) => value !== undefined)) as T;
  }

  /**
   * One attempt at a push, however long it waits for it.
   *
   * @throws MimcError `MIMC_INVALID`
   */
  durableCallOf(
    id: CallId,
    type: new () => StoredPush,
    dto: StoredPush,
    options: Pick<PushOptions, 'priority' | 'admissionSignal'>,
    claim: () => Promise<void>,
  ): PreparedCall {
    const { call, limits } = this.callOf(id, type, dto, { ...options, retry: { maxAttempts: 1 } });
    return {
      call: { ...call, ignoresMaxQueued: true, claim },
      limits: { admissionSignal: limits.admissionSignal },
    };
  }

  /**
   * A message without recipients, checked.
   *
   * @throws MimcError `MIMC_INVALID`
   */
  messageOf(given: unknown, ofOptions: readonly MimcViolation[]): CheckedMessage {
    return this.#accept(check(PushMessageDto, given), ofOptions, {});
  }

  /** Calls of one message to list after list: what was checked once is not checked again for each. */
  batchesOf(
    kind: MimcQuotaKind,
    message: CheckedMessage,
    { priority: lane = 'bulk', retry: given }: Pick<PushOptions, 'priority' | 'retry'>,
  ): BatchCall {
    const write = fieldsWriter(message, this.settings);
    const retry = retryOf(this.settings.retry, given);
    return ({ callId, endpoint, name }, list, admissionSignal) => {
      const to = kind === 'accounts' ? { toAccounts: list as readonly string[] } : { topicIds: list };
      const units = list.length;
      const call: Call<PacketIds> = {
        callId,
        endpoint,
        name,
        fields: write(to),
        bucket: kind,
        units,
        lane,
        ignoresMaxQueued: true,
        retry,
        read: readPacketIdsOf,
      };
      return { call, limits: { admissionSignal } };
    };
  }

  /** The DTO, unless it or the options break a rule. */
  #accept<T extends PushDto>(
    checked: Checked<T>,
    ofOptions: readonly MimcViolation[],
    call: { callId?: string; endpoint?: MimcPushEndpoint },
  ): T {
    const ofLimits = violationsOfLimits(checked, this.settings, call.endpoint);
    const isValid = checked.violations.length + ofLimits.length + ofOptions.length === 0;
    if (checked.value !== undefined && isValid) return checked.value;
    throw invalidCall([...checked.violations, ...ofLimits, ...ofOptions], this.settings, call);
  }
}

/** Recipients × messages (docs/mimc-api.md §1.4). */
function unitsOf({ toAccounts, topicIds, messages }: Push): number {
  return (toAccounts?.length ?? topicIds?.length ?? 1) * (messages?.length ?? 1);
}

/** What the answers to pushes to unlimited groups hold is not known, so that either form will do (docs/mimc-api.md §10, row 27). */
function readerOf(endpoint: MimcPushEndpoint): ReplyReader<PacketIds> {
  const readers = isBatch(endpoint) ? [readPacketIdsOf, readPacketIdOf] : [readPacketIdOf, readPacketIdsOf];
  const [first = readPacketIdOf, second = readPacketIdsOf] = readers;
  if (!endpoint.startsWith('ucs/')) return first;
  return (reply, redact) => {
    const result = first(reply, redact);
    return result.ok ? result : second(reply, redact);
  };
}

/** The error of a call that breaks rules. A caller can name a field as it likes: what looks like a secret is removed. */
export function invalidCall(
  violations: readonly MimcViolation[],
  { credentials: { redact } }: Pick<MimcSettings, 'credentials'>,
  call: { callId?: string; endpoint?: MimcEndpoint },
): MimcError {
  const named = violations.map(({ field, rule, message }) => ({
    field: redact(field),
    rule,
    message: redact(message),
  }));
  return new MimcError({ ...invalid(named), ...call });
}

/**
 * Writes what follows the credentials in request bodies of one message: the fields that are set, in the order of MIMC's own
 * examples. Topic ids go out as integer literals, which `JSON.stringify` could not write beyond 2^53 (docs/mimc-api.md §10,
 * row 12).
 */
function fieldsWriter(message: Push, settings: MimcSettings): (to: Recipients) => string {
  const before =
    member('fromAccount', message.fromAccount ?? settings.fromAccount) +
    member('fromResource', message.fromResource ?? settings.fromResource);
  const after =
    member('msg', message.msg) +
    member('message', message.message) +
    member('messages', message.messages) +
    member('msgType', message.msgType) +
    member('isStore', message.isStore) +
    member('bizType', message.bizType) +
    '}';
  return (to) => before + recipients(to) + after;
}

function recipients({ toAccount, toAccounts, topicId, topicIds }: Recipients): string {
  if (toAccounts !== undefined) return member('toAccounts', toAccounts);
  if (toAccount !== undefined) return member('toAccount', toAccount);
  return topicIds === undefined ? literal('topicId', topicId) : literal('topicIds', `[${topicIds.join(',')}]`);
}

function member(name: string, value: unknown): string {
  return value === undefined ? '' : literal(name, JSON.stringify(value));
}

function literal(name: string, value: string | bigint | number | undefined): string {
  return value === undefined ? '' : `,"${name}":${value}`;
}
