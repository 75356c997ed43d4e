import type { MimcPushEndpoint } from '../errors/mimc-error.js';

/** Which of the two quotas a push draws on (mimc-api.md §1.4). */
export type MimcQuotaKind = 'accounts' | 'topics';

/** Which quota an endpoint draws on. */
export function quotaOf(endpoint: MimcPushEndpoint): MimcQuotaKind {
  return endpoint.startsWith('p2p') ? 'accounts' : 'topics';
}

/** How many recipients a second MIMC lets this application reach (mimc-api.md §1.4), and how many calls may wait. */
export interface MimcQuotaOptions {
  /** Recipients a second of `toAccount` and `toAccounts`. Default 50. */
  accountsPerSecond: number;
  /** Groups a second of `toTopic` and `toTopics`. Default 20. */
  topicsPerSecond: number;
  /**
   * Calls that may wait in each lane of each quota; one more is refused with `MIMC_QUEUE_FULL`. The chunks of a broadcast
   * do not count, and always wait. Default 10,000.
   */
  maxQueued: number;
}

/** How many units of quota a second has for a kind; undefined when nothing is paced. */
export function unitsPerSecond(kind: MimcQuotaKind, quota: MimcQuotaOptions | false): number | undefined {
  if (quota === false) return undefined;
  return kind === 'accounts' ? quota.accountsPerSecond : quota.topicsPerSecond;
}

/** A fifth of MIMC's quota of a second, when there is none to take a fifth of. */
const CHUNK_SIZE: Readonly<Record<MimcQuotaKind, number>> = { accounts: 10, topics: 4 };

/**
 * Recipients of a request of a broadcast, unless told otherwise: a fifth of the quota, so that a single push waits little
 * while a broadcast runs, and one `unknown` touches few people.
 */
export function defaultChunkSize(kind: MimcQuotaKind, perSecond: number | undefined): number {
  return perSecond === undefined ? CHUNK_SIZE[kind] : Math.max(1, Math.floor(perSecond / 5));
}
