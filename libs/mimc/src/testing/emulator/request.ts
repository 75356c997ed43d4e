import { isUtf8 } from 'node:buffer';
import { audienceOf, isBatch, topicIdText, type EmulatorPushEndpoint } from './endpoint.js';
import { parseJson } from './json.js';
import type { MimcEmulatorCredentials } from './options.js';

/** What a message says. */
export interface EmulatedContent {
  readonly msg: string;
  /** The message's bytes: the UTF-8 of `msg`, or what its Base64 stands for. */
  readonly payload: Buffer;
}

/** A push request that is well-formed and authenticated. */
export interface EmulatedPush {
  readonly endpoint: EmulatorPushEndpoint;
  /** Accounts, or topic ids as exact decimal text, in the order given; duplicates stay. */
  readonly recipients: readonly string[];
  readonly fromAccount: string;
  readonly fromResource: string | undefined;
  readonly msgType: '' | 'base64';
  /** One, unless it is sent to an unlimited topic with others. */
  readonly messages: readonly EmulatedContent[];
  readonly isStore: boolean;
  readonly bizType: string;
}

/** What decides whether a push is well-formed, authenticated and small enough. */
export interface PushRules {
  readonly credentials: MimcEmulatorCredentials;
  readonly storeByDefault: boolean;
  readonly maxRecipients: number;
  readonly maxMsgBytes: number;
}

/** The emulator says no: an envelope code and a message that names the field and never shows a value. */
export class EmulatorRefusal extends Error {
  constructor(
    readonly code: number,
    message: string,
  ) {
    super(message);
  }
}

export type Fields = Readonly<Record<string, unknown>>;

/**
 * Reads the JSON of a request from its body, given as the bytes that came and their text.
 *
 * @throws EmulatorRefusal 400 (emulator-defined) when its content type is not JSON's or its text is not JSON.
 */
export function readBody(contentType: string | undefined, bytes: Buffer, text: string): unknown {
  if (!contentType?.toLowerCase().includes('json')) throw invalid('Content-Type', 'must be application/json');
  if (!isUtf8(bytes)) throw invalid('body', 'must be UTF-8');
  try {
    return parseJson(text);
  } catch {
    throw invalid('body', 'must be JSON');
  }
}

/**
 * Reads a push from a parsed body, as docs/mimc-api.md §1.2 describes its fields. Unknown fields are ignored.
 *
 * @throws EmulatorRefusal 400 for a missing or invalid field, 401 for wrong credentials (docs/mimc-api.md §10 rows 2 and 3),
 * 413 for a message above `maxMsgBytes`. All three are emulator-defined: the vendor documents no error code.
 */
export function readPush(endpoint: EmulatorPushEndpoint, body: unknown, rules: PushRules): EmulatedPush {
  const fields = authenticated(body, rules.credentials);
  const push = {
    endpoint,
    fromAccount: nonEmptyString(fields, 'fromAccount'),
    fromResource: optionalString(fields, 'fromResource'),
    recipients: readRecipients(endpoint, fields),
    messages: readMessages(endpoint, fields, rules.maxMsgBytes),
    msgType: readMsgType(fields),
    isStore: readIsStore(fields) ?? rules.storeByDefault,
    bizType: optionalString(fields, 'bizType') ?? '',
  };
  if (push.recipients.length > rules.maxRecipients) {
    throw invalid(recipientField(endpoint), `must hold at most ${rules.maxRecipients} entries`);
  }
  return push;
}

/** Pushes to unlimited topics have `message` or `messages` for `msg` (docs/mimc-api.md §1.7). */
function readMessages(endpoint: EmulatorPushEndpoint, fields: Fields, maxMsgBytes: number): EmulatedContent[] {
  const msgType = readMsgType(fields);
  const contentOf = (msg: string, field: string): EmulatedContent => {
    const payload = readPayload(msg, msgType, field);
    if (payload.length > maxMsgBytes) throw new EmulatorRefusal(413, `${field} must be at most ${maxMsgBytes} bytes`);
    return { msg, payload };
  };
  if (endpoint !== 'ucs/multiMsgPush') {
    const field = endpoint.startsWith('ucs') ? 'message' : 'msg';
    return [contentOf(requiredString(fields, field), field)];
  }
  return listIn(fields, 'messages').map((msg, index) => {
    if (typeof msg !== 'string') throw invalid(`messages[${index}]`, 'must be a string');
    return contentOf(msg, `messages[${index}]`);
  });
}

/** The fields of a body with the right credentials. `appId` may be text or a number (docs/mimc-api.md §1.3); both are compared as decimal text. */
export function authenticated(body: unknown, credentials: MimcEmulatorCredentials): Fields {
  const fields = fieldsOf(body);
  const { appId } = fields;
  if (typeof appId !== 'string' && typeof appId !== 'number' && typeof appId !== 'bigint') {
    throw invalid('appId', 'must be a string or an integer');
  }
  const appKey = requiredString(fields, 'appKey');
  const appSecret = requiredString(fields, 'appSecret');
  if (String(appId) !== credentials.appId || appKey !== credentials.appKey || appSecret !== credentials.appSecret) {
    throw new EmulatorRefusal(401, 'appId, appKey or appSecret is wrong');
  }
  return fields;
}

/** A parsed body that is an object. */
export function fieldsOf(body: unknown): Fields {
  if (!isFields(body)) throw invalid('body', 'must be an object');
  return body;
}

function readRecipients(endpoint: EmulatorPushEndpoint, body: Fields): readonly string[] {
  const field = recipientField(endpoint);
  const readOne = audienceOf(endpoint) === 'accounts' ? accountOf : topicOf;
  if (!field.endsWith('s')) return [readOne(body[field], field)];
  return listIn(body, field).map((entry, index) => readOne(entry, `${field}[${index}]`));
}

function listIn(body: Fields, field: string): readonly unknown[] {
  const value = body[field];
  if (!Array.isArray(value)) throw invalid(field, 'must be an array');
  if (value.length === 0) throw invalid(field, 'must not be empty');
  return value;
}

function recipientField(endpoint: EmulatorPushEndpoint): string {
  const isList = isBatch(endpoint) && endpoint !== 'ucs/multiMsgPush';
  if (audienceOf(endpoint) === 'accounts') return isList ? 'toAccounts' : 'toAccount';
  return isList ? 'topicIds' : 'topicId';
}

function accountOf(value: unknown, field: string): string {
  if (typeof value !== 'string' || value === '') throw invalid(field, 'must be a string that is not empty');
  return value;
}

function topicOf(value: unknown, field: string): string {
  const id = topicIdText(value);
  if (id === undefined) throw invalid(field, 'must be a positive 64-bit integer');
  return id;
}

/** Omitted means raw text; the documents know two values (docs/mimc-api.md §1.2, §10 row 16). */
function readMsgType(body: Fields): '' | 'base64' {
  const msgType = optionalString(body, 'msgType') ?? '';
  if (msgType !== '' && msgType !== 'base64') throw invalid('msgType', 'must be "base64" or empty');
  return msgType;
}

function readIsStore({ isStore }: Fields): boolean | undefined {
  if (isStore === undefined || typeof isStore === 'boolean') return isStore;
  throw invalid('isStore', 'must be a boolean');
}

/** Base64 is the standard alphabet with padding and nothing else (emulator-defined). */
function readPayload(msg: string, msgType: '' | 'base64', field: string): Buffer {
  if (msgType === '') return Buffer.from(msg);
  const bytes = Buffer.from(msg, 'base64');
  // Node's decoder skips what it does not know, so only a text that comes back the same was Base64.
  if (bytes.toString('base64') !== msg) throw invalid(field, 'must be Base64, as msgType says');
  return bytes;
}

export function nonEmptyString(body: Fields, field: string): string {
  return accountOf(body[field], field);
}

function requiredString(body: Fields, field: string): string {
  const value = body[field];
  if (typeof value !== 'string') throw invalid(field, 'must be a string');
  return value;
}

export function optionalString(body: Fields, field: string): string | undefined {
  return body[field] === undefined ? undefined : requiredString(body, field);
}

function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** A field that is missing or wrong: code 400. */
export function invalid(field: string, problem: string): EmulatorRefusal {
  return new EmulatorRefusal(400, `${field} ${problem}`);
}
