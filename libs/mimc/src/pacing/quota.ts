/** What the recipients of a broadcast are, and so which quota it draws on. */
export type MimcQuotaKind = 'accounts' | 'topics';

/** Which of the three quotas a push draws on (docs/mimc-api.md §1.4). */
export type MimcQuotaBucket = MimcQuotaKind | 'unlimitedTopics';

/** How many recipients a second MIMC lets this application reach (docs/mimc-api.md §1.4), and how many calls may wait. */
export interface MimcQuotaOptions {
  /** Recipients a second of `toAccount` and `toAccounts`. Default 50. */
  accountsPerSecond: number;
  /** Groups a second of `toTopic` and `toTopics`. Default 20. */
  topicsPerSecond: number;
  /** Unlimited groups × messages a second of `toUnlimitedTopic` and the other two. Default 50. */
  unlimitedTopicsPerSecond: number;
  /**
   * Calls that may wait in each lane of each quota; one more is refused with `MIMC_QUEUE_FULL`. The chunks of a broadcast
   * do not count, and always wait. Default 10,000.
   */
  maxQueued: number;
}

/** The units of quota that a second has, by bucket. */
export function limitsOf(quota: MimcQuotaOptions): Readonly<Record<MimcQuotaBucket, number>> {
  const { accountsPerSecond: accounts, topicsPerSecond: topics, unlimitedTopicsPerSecond: unlimitedTopics } = quota;
  return { accounts, topics, unlimitedTopics };
}

/** How many units of quota a second has in a bucket; undefined when nothing is paced. */
export function unitsPerSecond(bucket: MimcQuotaBucket, quota: MimcQuotaOptions | false): number | undefined {
  return quota === false ? undefined : quota[`${bucket}PerSecond`];
}

/** A fifth of MIMC's quota of a second, when there is none to take a fifth of. */
const CHUNK_SIZE: Readonly<Record<MimcQuotaKind, number>> = { accounts: 10, topics: 4 };

/**
 * Recipients of a request of a broadcast, unless set: a fifth of the quota, so that a single push waits little
 * while a broadcast runs, and one `unknown` touches few people.
 */
export function defaultChunkSize(kind: MimcQuotaKind, perSecond: number | undefined): number {
  return perSecond === undefined ? CHUNK_SIZE[kind] : Math.max(1, Math.floor(perSecond / 5));
}
