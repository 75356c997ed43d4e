import type { Call } from '../delivery/delivery-engine.js';
import type { CallLimits } from '../delivery/call-scope.js';
import { retryOf } from '../delivery/retry.js';
import { MimcEndpoint, MimcError, MimcPushEndpoint, MimcViolation } from '../errors/mimc-error.js';
import type { MimcQuotaKind } from '../pacing/quota.js';
import type { PacketIds } from '../transport/reply.js';
import { check, Checked } from '../validation/check.js';
import type { TopicId } from '../validation/push-rules.js';
import { invalid } from '../validation/violations.js';
import { checkPushOptions, PushOptions } from './push-options.js';
import { PushDto, PushMessageDto } from './push.dto.js';
import { type CheckedMessage, PUSH_KINDS, type StoredEndpoint, type StoredPush } from './push-kinds.js';
import { type Push, type Recipients, violationsOfLimits } from './push-limits.js';
import type { MimcSettings } from './settings.js';

/** What identifies a call. */
export type CallId<E extends MimcEndpoint = MimcPushEndpoint> = Pick<Call, 'callId' | 'name'> & { endpoint: E };

/** A call and what limits it. */
export interface PreparedCall<T = PacketIds> {
  call: Call<T>;
  limits: CallLimits;
}

/** How a list of recipients becomes a call. */
export type BatchCall = (id: CallId, recipients: readonly TopicId[], admissionSignal: AbortSignal) => PreparedCall;

/** What most pushes have. */
const NO_OPTIONS: Checked<PushOptions> = { value: undefined, violations: [] };

/** Makes calls of what an application gives: checked, with the defaults of the module, and their bodies written. */
export class CallFactory {
  constructor(private readonly settings: MimcSettings) {}

  /** @throws MimcError `MIMC_INVALID` */
  callOf({ callId, endpoint, name }: CallId, given: unknown, options: unknown): PreparedCall {
    const { type, bucket, read } = PUSH_KINDS[endpoint];
    const { value = {}, violations } = options === undefined ? NO_OPTIONS : checkPushOptions(options);
    const push: Push = this.#accept(check(type, given), violations, { callId, endpoint });
    const {
      deadlineMs = this.settings.deadlineMs,
      signal,
      admissionSignal,
      priority: lane = 'interactive',
      retry,
    } = value;
    const call: Call<PacketIds> = {
      callId,
      endpoint,
      name,
      fields: fieldsWriter(push, this.settings)(push),
      bucket,
      units: unitsOf(push),
      lane,
      retry: retryOf(this.settings.retry, retry),
      read,
    };
    return { call, limits: { deadlineMs, signal, admissionSignal } };
  }

  /**
   * A push, checked and with the module's sender, so that it is complete wherever it is sent.
   *
   * @throws MimcError `MIMC_INVALID`
   */
  pushOf(given: unknown, endpoint: StoredEndpoint): StoredPush {
    return this.withSender(this.#accept(check(PUSH_KINDS[endpoint].type, given), [], { endpoint }));
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
    dto: StoredPush,
    options: Pick<PushOptions, 'priority' | 'admissionSignal'>,
    claim: () => Promise<void>,
  ): PreparedCall {
    const { call, limits } = this.callOf(id, dto, { ...options, retry: { maxAttempts: 1 } });
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
    const { read } = PUSH_KINDS[kind === 'accounts' ? 'p2p/more' : 'p2t/more'];
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
        read,
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
    const bucket = call.endpoint && PUSH_KINDS[call.endpoint].bucket;
    const ofLimits = violationsOfLimits(checked, this.settings, bucket);
    const isValid = checked.violations.length + ofLimits.length + ofOptions.length === 0;
    if (checked.value !== undefined && isValid) return checked.value;
    throw invalidCall([...checked.violations, ...ofLimits, ...ofOptions], this.settings, call);
  }
}

/** Recipients × messages (docs/mimc-api.md §1.4). */
function unitsOf({ toAccounts, topicIds, messages }: Push): number {
  return (toAccounts?.length ?? topicIds?.length ?? 1) * (messages?.length ?? 1);
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
