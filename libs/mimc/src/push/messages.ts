import type { MsgType } from './push.dto.js';

/** The payload part of a push DTO. */
export interface MimcMessage {
  msg: string;
  msgType: MsgType;
}

/** A text payload, sent as it is. */
export function textMsg(text: string): MimcMessage {
  return { msg: text, msgType: '' };
}

/**
 * A value as JSON text.
 *
 * @throws TypeError when the value cannot be serialized as JSON: `undefined`, a function, a bigint, a cycle
 */
export function jsonMsg(value: unknown): MimcMessage {
  const text: string | undefined = JSON.stringify(value);
  if (text === undefined) throw new TypeError('The value cannot be serialized as JSON');
  return textMsg(text);
}

/** Bytes, sent as Base64. */
export function binaryMsg(bytes: Uint8Array): MimcMessage {
  return { msg: Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64'), msgType: 'base64' };
}
