import { createDecipheriv, createHash, timingSafeEqual } from 'node:crypto';

/** What MIMC encrypted with the secret of an app: `<timestamp>_<appId>` (docs/mimc-api.md §4.4). */
export interface Authentication {
  /** In milliseconds. */
  readonly timestamp: number;
  readonly appId: string;
}

const BLOCK = 16;

/** Bytes of the length that precedes the text. */
const PREFIX = 4;

/** In characters; a real one has 64. */
const MAX_LENGTH = 1024;

const BASE64 = /^[A-Za-z0-9+/]+={0,2}$/;

const TEXT = /^(\d{1,16})_([^_]+)$/;

/**
 * Reads the field `authentication` of a callback: AES-128-ECB with the MD5 of the secret as its key. The plaintext is a
 * length and a text. The length is little-endian if that fits, otherwise big-endian; anything after the text is ignored
 * (docs/mimc-api.md §4.4).
 *
 * @returns undefined when it was not made with this secret
 */
export function readAuthentication(given: string, appSecret: string): Authentication | undefined {
  // Some encoders wrap lines or add a final line break.
  if (given.length > MAX_LENGTH || !BASE64.test(given.replaceAll(/\s/g, ''))) return undefined;
  const encrypted = Buffer.from(given, 'base64');
  if (encrypted.length === 0 || encrypted.length % BLOCK !== 0) return undefined;
  const plain = decrypt(encrypted, appSecret);
  return parse(plain, plain.readUInt32LE()) ?? parse(plain, plain.readUInt32BE());
}

/** Compares two texts in constant time. */
export function areEqual(one: string, other: string): boolean {
  return timingSafeEqual(digest(one), digest(other));
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}

function decrypt(encrypted: Buffer, appSecret: string): Buffer {
  const key = createHash('md5').update(appSecret).digest();
  const cipher = createDecipheriv('aes-128-ecb', key, null).setAutoPadding(false);
  return Buffer.concat([cipher.update(encrypted), cipher.final()]);
}

function parse(plain: Buffer, length: number): Authentication | undefined {
  if (length > plain.length - PREFIX) return undefined;
  const [, timestamp, appId] = TEXT.exec(plain.toString('utf8', PREFIX, PREFIX + length)) ?? [];
  return appId === undefined ? undefined : { timestamp: Number(timestamp), appId };
}
