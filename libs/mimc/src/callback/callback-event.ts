import { isUtf8 } from 'node:buffer';
import { createHash } from 'node:crypto';
import {
  type Fields,
  optionalId,
  optionalText,
  optionalTexts,
  read,
  requiredBytes,
  requiredId,
  requiredText,
} from './callback-fields.js';
import type {
  MimcAccountMessageType,
  MimcCallbackBase,
  MimcCallbackEvent,
  MimcOfflineAccount,
  MimcTopicMessageType,
  MimcUserMessage,
} from './mimc-callback-event.js';

const KINDS: ReadonlyMap<string, 'account' | 'topic'> = new Map([
  ['NORMAL_MSG', 'account'],
  ['OFFLINE_MSG', 'account'],
  ['NORMAL_TOPIC_MSG', 'topic'],
  ['OFFLINE_TOPIC_MSG', 'topic'],
  ['UCTOPIC_MSG', 'topic'],
]);

/** Whether callbacks of this type are about an account or a topic; `other` for an unknown type. */
export function kindOf(type: string): 'account' | 'topic' | 'other' {
  return KINDS.get(type) ?? 'other';
}

/**
 * The app whose secret must have signed the callback: the sender's for an account, the group's for a topic (docs/mimc-api.md §10 row
 * 22); for an unknown type, whichever is given.
 */
export function claimedAppId(fields: Fields): string {
  const kind = kindOf(requiredText(fields, 'msgType'));
  if (kind === 'account') return requiredId(fields, 'fromAppId');
  if (kind === 'topic') return requiredId(fields, 'appId');
  return optionalId(fields, 'appId') ?? requiredId(fields, 'fromAppId');
}

/**
 * Makes the event that handlers get from a callback.
 *
 * @throws CallbackRefusal 400, naming the field that is missing or wrong
 */
export function eventOf(fields: Fields, appId: string, timestamp: number): MimcCallbackEvent {
  const type = requiredText(fields, 'msgType');
  const kind = kindOf(type);
  const sequence = optionalId(fields, 'sequence');
  const { authentication: _, ...raw } = fields;
  const base = { appId, timestamp, ...(sequence !== undefined && { sequence }), raw: frozen(raw) };
  if (kind === 'account') return accountMessage(fields, type as MimcAccountMessageType, base);
  if (kind === 'topic') return topicMessage(fields, type as MimcTopicMessageType, base);
  return { id: idOf(sequence, [type, appId], raw), kind, type, ...base };
}

type WithoutId = Omit<MimcCallbackBase, 'id'>;

function accountMessage(fields: Fields, type: MimcAccountMessageType, base: WithoutId): MimcCallbackEvent {
  const message = userMessage(fields);
  const toAccount = requiredText(fields, 'toAccount');
  const key = [type, base.appId, message.fromAccount, toAccount];
  return compact<MimcCallbackEvent>({
    id: idOf(base.sequence, key, base.raw),
    kind: 'account',
    type,
    ...base,
    fromAppId: requiredId(fields, 'fromAppId'),
    toAppId: optionalId(fields, 'toAppId'),
    toAccount,
    toResource: optionalText(fields, 'toResource'),
    offlineResources: optionalTexts(fields, 'offlineResources'),
    ...message,
  });
}

function topicMessage(fields: Fields, type: MimcTopicMessageType, base: WithoutId): MimcCallbackEvent {
  const message = userMessage(fields);
  const topicId = requiredId(fields, 'topicId');
  const key = [type, base.appId, message.fromAccount, topicId];
  return compact<MimcCallbackEvent>({
    id: idOf(base.sequence, key, base.raw),
    kind: 'topic',
    type,
    ...base,
    topicId,
    toAccounts: optionalTexts(fields, 'toAccounts'),
    offlineAccounts: offlineAccounts(fields),
    ...message,
  });
}

function userMessage(fields: Fields): Omit<MimcUserMessage, keyof MimcCallbackBase> {
  const payload = requiredBytes(fields, 'payload');
  return {
    fromAccount: requiredText(fields, 'fromAccount'),
    fromResource: optionalText(fields, 'fromResource'),
    payload,
    text: isUtf8(payload) ? payload.toString() : undefined,
    packetId: optionalId(fields, 'packetId'),
    bizType: optionalText(fields, 'bizType'),
  };
}

/** Undefined when it is absent or any account is unreadable: a partial list would look complete. */
function offlineAccounts(fields: Fields): readonly MimcOfflineAccount[] | undefined {
  const value = read(fields, 'offlineAccounts');
  if (!Array.isArray(value)) return undefined;
  const accounts = value.map((entry: unknown) => {
    const account = Object(entry) as Fields;
    const toAccount = optionalText(account, 'toAccount');
    return toAccount && { toAccount, offlineResources: optionalTexts(account, 'offlineResources') ?? [] };
  });
  return accounts.every((account) => typeof account === 'object') ? accounts : undefined;
}

/**
 * A sequence is unique at least among the messages of one user, but the instant and the OFFLINE callback of a message share it
 * (docs/mimc-api.md §8), so the key has more parts. Without a sequence, repeats are recognized by their whole content.
 */
function idOf(sequence: string | undefined, key: readonly string[], raw: Fields): string {
  const content = sequence === undefined ? [...key, raw] : [...key, sequence];
  return createHash('sha256').update(JSON.stringify(content, asText)).digest('base64url');
}

/** Handlers share what is in `raw`, so none of them may change it. */
function frozen<T extends object>(value: T): T {
  for (const part of Object.values(value) as unknown[]) {
    if (typeof part === 'object' && part !== null && !Object.isFrozen(part)) frozen(part);
  }
  return Object.freeze(value);
}

function asText(_key: string, value: unknown): unknown {
  return typeof value === 'bigint' ? String(value) : value;
}

/** `event` without the fields that are undefined. */
function compact<T extends object>(event: T): T {
  return Object.fromEntries(Object.entries(event).filter(([, value]) => value !== undefined)) as T;
}
