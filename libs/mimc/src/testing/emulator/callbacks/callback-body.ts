import { createCipheriv, createHash } from 'node:crypto';
import { stringify } from 'lossless-json';
import type { EmulatorSettings } from '../options.js';
import type { UserMessage } from './user-message.js';

/** What MIMC's server knows of a message besides what its sender said. */
export interface Stamp {
  readonly packetId: string;
  readonly sequence: string;
  /** In milliseconds since 1970. */
  readonly timestamp: number;
}

/** The types that the emulator sends (docs/mimc-api.md §4.2). */
export type EmulatorCallbackType =
  'NORMAL_MSG' | 'OFFLINE_MSG' | 'NORMAL_TOPIC_MSG' | 'OFFLINE_TOPIC_MSG' | 'UCTOPIC_MSG';

/** A callback as it is sent, each time alike. */
export interface CallbackBody {
  readonly msgType: EmulatorCallbackType;
  readonly sequence: string;
  readonly text: string;
}

/** The devices of an account that are offline; undefined for one that is online. */
export type OfflineResources = (account: string) => readonly string[] | undefined;

type Fields = Record<string, unknown> & { readonly msgType: EmulatorCallbackType };

/** Fields that are 64-bit integers. */
const IDS = ['fromAppId', 'toAppId', 'appId', 'topicId', 'timestamp', 'sequence'];

/** Writes the callbacks about a message: the instant one, and another about who is offline (docs/mimc-api.md §4.2 and §4.3). */
export class CallbackWriter {
  /** The credentials are read for each message, as they may change. */
  constructor(readonly settings: Pick<EmulatorSettings, 'callbacks' | 'credentials'>) {}

  write(message: UserMessage, stamp: Stamp, offline: OfflineResources): CallbackBody[] {
    const { target } = message;
    const all =
      target.kind === 'account'
        ? this.#toAccount(target.toAccount, offline(target.toAccount))
        : this.#toTopic(target, offline);
    return all.map((fields) => this.#body({ ...fields, ...this.#common(message, stamp) }, stamp));
  }

  #toAccount(toAccount: string, offline: readonly string[] | undefined): Fields[] {
    const { appId } = this.settings.credentials;
    const fields = { fromAppId: appId, toAppId: appId, toAccount, toResource: offline?.[0] ?? 'phone' };
    const instant: Fields = { msgType: 'NORMAL_MSG', ...fields };
    return offline ? [instant, { msgType: 'OFFLINE_MSG', ...fields, offlineResources: offline }] : [instant];
  }

  #toTopic(
    { topicId, members, unlimited }: Extract<UserMessage['target'], { kind: 'topic' }>,
    offline: OfflineResources,
  ): Fields[] {
    const { appId } = this.settings.credentials;
    if (unlimited) return [{ msgType: 'UCTOPIC_MSG', appId, topicId }];
    const instant: Fields = { msgType: 'NORMAL_TOPIC_MSG', appId, topicId, toAccounts: members };
    const offlineAccounts = members.flatMap((toAccount) => {
      const offlineResources = offline(toAccount);
      return offlineResources ? [{ toAccount, offlineResources }] : [];
    });
    if (offlineAccounts.length === 0) return [instant];
    const toAccounts = offlineAccounts.map(({ toAccount }) => toAccount);
    return [instant, { msgType: 'OFFLINE_TOPIC_MSG', appId, topicId, toAccounts, offlineAccounts }];
  }

  #common({ fromAccount, fromResource, payload, bizType }: UserMessage, stamp: Stamp) {
    const { callbacks, credentials } = this.settings;
    const { authentication } = callbacks;
    const { packetId, sequence, timestamp } = stamp;
    return {
      fromAccount,
      fromResource,
      payload: payload.toString('base64'),
      timestamp: String(timestamp),
      packetId,
      sequence,
      bizType,
      ...(authentication !== 'none' && {
        authentication: authenticate(`${timestamp}_${credentials.appId}`, credentials.appSecret, authentication),
      }),
    };
  }

  #body(fields: Fields, { sequence }: Stamp): CallbackBody {
    const written = this.settings.callbacks.idForm === 'text' ? fields : { ...fields, ...asIntegers(fields) };
    return { msgType: fields.msgType, sequence, text: stringify(written) ?? '' };
  }
}

function asIntegers(fields: Fields): Record<string, bigint> {
  const ids = IDS.filter((name) => /^\d+$/.test(String(fields[name])));
  return Object.fromEntries(ids.map((name) => [name, BigInt(String(fields[name]))]));
}

/** As docs/mimc-api.md §4.4 describes: AES-128-ECB under the MD5 of the secret, the text behind its length, zeros to the end. */
function authenticate(text: string, appSecret: string, order: 'little-endian' | 'big-endian'): string {
  const bytes = Buffer.from(text);
  const plain = Buffer.alloc(16 * Math.ceil((4 + bytes.length) / 16));
  if (order === 'little-endian') plain.writeInt32LE(bytes.length);
  else plain.writeInt32BE(bytes.length);
  bytes.copy(plain, 4);
  const cipher = createCipheriv('aes-128-ecb', createHash('md5').update(appSecret, 'utf8').digest(), null);
  cipher.setAutoPadding(false);
  return cipher.update(plain, undefined, 'base64') + cipher.final('base64');
}
