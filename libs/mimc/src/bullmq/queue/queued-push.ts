import type {
  BatchPushReceipt,
  MimcDelivery,
  MimcErrorCode,
  MimcLane,
  MimcQuotaKind,
  PushReceipt,
  PushToAccountDto,
  PushToAccountsDto,
  PushToTopicDto,
  PushToTopicsDto,
} from '../../index.js';
import type { StoredPush, StoredEndpoint } from '../../internals.js';
import { type MimcQueuedOutcome, type Part, partsOf } from './job-outcome.js';

/** A push of any of the four kinds; the recipient field decides which. */
export type MimcAnyPush = PushToAccountDto | PushToAccountsDto | PushToTopicDto | PushToTopicsDto;

/** The id and options of a queued push. */
export interface MimcPushJob {
  /**
   * Names the push, for example after the order it is about: 1 to 200 characters. The same id with the same content is the
   * same push, and is sent once however often and wherever it is added.
   */
  id: string;
  /** Not before this time. */
  sendAt?: Date | undefined;
  /** Not after this time: it ends as `expired`. */
  expiresAt?: Date | undefined;
  /** Default: that of the module. */
  delivery?: MimcDelivery | undefined;
  /** The lane in which it waits for quota. Default `interactive`; with `addAll` `bulk`. */
  priority?: MimcLane | undefined;
  /** Default: that of the module. */
  retentionMs?: number | undefined;
}

/** The state of a queued push. */
export type MimcQueuedPushState = 'scheduled' | 'waiting' | 'sending' | Exclude<MimcQueuedOutcome, 'invalid'>;

/** A snapshot of a queued push. */
export interface MimcQueuedPush {
  id: string;
  state: MimcQueuedPushState;
  /**
   * The answer of MIMC, if it accepted the message. `attempts` includes those before a pause or restart. If the push took several
   * requests, it has the packetIds of all.
   */
  receipt?: PushReceipt | BatchPushReceipt;
  /** What went wrong. `attempts` includes those before a pause or restart. Never holds a credential. */
  error?: {
    attempts?: number;
    callId?: string;
    code?: MimcErrorCode;
    message?: string;
    httpStatus?: number;
    apiCode?: number;
  };
  addedAt: Date;
  sendAt?: Date;
  expiresAt?: Date;
  endedAt?: Date;
}

/** The data of the BullMQ job of a single push. */
export interface PushJobData {
  readonly dto: StoredPush;
  readonly digest: string;
  /** Identifies the call that added it. */
  readonly nonce: string;
  readonly id: string;
  readonly lane: MimcLane;
  readonly delivery: MimcDelivery;
  readonly attempts: number;
  readonly retentionMs: number;
  /** In milliseconds since 1970. */
  readonly sendAt?: number | undefined;
  readonly expiresAt?: number | undefined;
}

/** Number of recipients of a push. */
export function unitsOf({ toAccounts, topicIds }: StoredPush): number {
  return toAccounts?.length ?? topicIds?.length ?? 1;
}

/** Some of the recipients of a push. */
export function sliceOf(dto: StoredPush, from: number, to: number): StoredPush {
  const { toAccounts, topicIds } = dto;
  if (toAccounts !== undefined) return { ...dto, toAccounts: toAccounts.slice(from, to) };
  return topicIds === undefined ? dto : { ...dto, topicIds: topicIds.slice(from, to) };
}

/** The quota a push draws on. */
export function kindOf(endpoint: StoredEndpoint): MimcQuotaKind {
  return endpoint.startsWith('p2p') ? 'accounts' : 'topics';
}

export function endpointOf(dto: object): StoredEndpoint {
  if ('toAccounts' in dto) return 'p2p/more';
  if ('topicIds' in dto) return 'p2t/more';
  return 'topicId' in dto ? 'p2t' : 'p2p';
}

/** From the best to the worst. */
const SEVERITY: readonly MimcQueuedOutcome[] = ['accepted', 'cancelled', 'expired', 'not-sent', 'refused', 'unknown'];

/** The outcome of a push, from the fields of its job, once all of its parts have ended. */
export function endOf(fields: Readonly<Record<string, string>>): Part | undefined {
  if (fields['data'] === undefined) return undefined;
  const { dto } = JSON.parse(fields['data']) as PushJobData;
  const parts = [...partsOf(fields).values()];
  return parts.some(({ to }) => to === unitsOf(dto)) ? wholeOf(parts) : undefined;
}

/** The outcome of a push as a whole: the worst of its parts. */
function wholeOf(parts: readonly Part[]): Part | undefined {
  const [first, ...others] = parts.toSorted((a, b) => SEVERITY.indexOf(b.outcome) - SEVERITY.indexOf(a.outcome));
  if (first?.receipt === undefined || others.length === 0) return first;
  const receipts = parts.map(({ receipt }) => receipt as BatchPushReceipt);
  const packetIds = receipts.flatMap((receipt) => receipt.packetIds);
  return { ...first, receipt: { ...first.receipt, packetIds, requested: Math.max(...parts.map(({ to }) => to)) } };
}
