import { createHash } from 'node:crypto';
import type { Cluster, Redis } from 'ioredis';
import type { MimcAudience, TopicId } from '../../index.js';
import { accountRule, AudienceReader, notSent, SettledRanges, textOf, topicIdRule } from '../../internals.js';
import type { BroadcastPlan } from './queued-broadcast.js';

/** Jobs added per call. Redis serves no other client while it adds them, which takes a few milliseconds. */
const JOBS_AT_A_TIME = 200;

/** The share of `maxmemory` that producers may fill. Workers need the rest. */
const MOST_FULL = 0.9;

/** A job as BullMQ takes it. */
interface NewJob {
  readonly name: 'chunk' | 'invalid';
  readonly data: unknown;
  readonly opts: { readonly jobId: string };
}

/** Length of the digest recorded for each job, in characters. */
export const DIGEST_LENGTH = 8;

/** Jobs to add. */
export interface JobBatch {
  readonly jobs: NewJob[];
  /** Number of jobs of the audience before these. */
  readonly index: number;
  /** One digest per job, of the audience up to the end of that job: {@link DIGEST_LENGTH} characters each, concatenated. */
  readonly digests: string;
  /** Entries read so far. */
  readonly read: number;
}

/** An audience that was read to its end. */
export interface AudienceRead {
  /** Entries, including those that are not recipients. */
  readonly read: number;
  readonly jobs: number;
  /** Equal only for equal audiences. */
  readonly digest: string;
}

/** How Redis stores a complete audience. */
export function audienceText({ read, digest }: AudienceRead): string {
  return `${read}:${digest}`;
}

/**
 * Cuts an audience into jobs, one per request, in constant memory. The same audience always produces the same jobs.
 *
 * @param add adds jobs
 */
export async function writeAudience(
  { kind, chunkSize, createdAt }: Pick<BroadcastPlan, 'kind' | 'chunkSize' | 'createdAt'>,
  audience: MimcAudience<string> | MimcAudience<TopicId>,
  add: (batch: JobBatch) => Promise<void>,
): Promise<AudienceRead> {
  const reader = new AudienceReader<unknown>(audience as MimcAudience<unknown>, {
    chunkSize,
    dedupeWindow: 0,
    rule: kind === 'accounts' ? accountRule : topicIdRule,
    settled: new SettledRanges(undefined),
  });
  let jobs: NewJob[] = [];
  let digests = '';
  let digest = '';
  let index = 0;
  const flush = async () => {
    const batch = { jobs, index, digests, read: reader.read };
    index += jobs.length;
    // First, so that no batch is added twice if that fails.
    [jobs, digests] = [[], ''];
    await add(batch);
  };
  try {
    for await (const pieces of reader) {
      for (const piece of pieces) {
        const opts = { jobId: jobIdOf(piece.offset, createdAt) };
        const job = piece.kind === 'chunk' ? chunkJob(piece.recipients, opts) : invalidJob(piece, opts);
        digest = createHash('sha256').update(digest).update(JSON.stringify(job)).digest('base64url');
        jobs.push(job);
        digests += digest.slice(0, DIGEST_LENGTH);
        if (jobs.length >= JOBS_AT_A_TIME) await flush();
      }
    }
  } finally {
    // Also when the audience throws, so that a different one under the same id is noticed later.
    if (jobs.length > 0) await flush();
  }
  return { read: reader.read, jobs: index, digest };
}

function chunkJob(recipients: readonly unknown[], opts: NewJob['opts']): NewJob {
  return { name: 'chunk', data: recipients.map(String), opts };
}

function invalidJob({ offset, recipient }: { offset: number; recipient: unknown }, opts: NewJob['opts']): NewJob {
  return { name: 'invalid', data: [[offset, textOf(recipient)]], opts };
}

/**
 * The same for all producers of a broadcast, and for no other broadcast: once one is forgotten, its id may name another one, and
 * a producer of the first may still add jobs. BullMQ does not accept a number as an id.
 */
function jobIdOf(offset: number, createdAt: number): string {
  return `${offset}-${createdAt.toString(36)}`;
}

/** The offset of a job in its audience. */
export function offsetOf(jobId: string): number {
  return Number.parseInt(jobId, 10);
}

/** Whether a job is of the broadcast that was created then, not of another one with the same id. */
export function isJobOf(createdAt: number, jobId: string): boolean {
  return jobIdOf(offsetOf(jobId), createdAt) === jobId;
}

/**
 * Which bit says that part of a job is settled. A chunk counts its recipients without the invalid entries among them, so an
 * invalid entry and a part of a chunk may have the same offset; their bits differ.
 */
export function settledBit(jobName: string, offset: number): number {
  return jobName === 'invalid' ? 2 * offset + 1 : 2 * offset;
}

/** @throws MimcError `MIMC_QUEUE_FULL` when Redis is nearly full, if this Redis reports its memory */
export async function refuseIfFull(redis: Redis | Cluster): Promise<void> {
  const memory = await redis.info('memory').catch(() => '');
  const valueOf = (name: string) => Number(new RegExp(`^${name}:(\\d+)`, 'm').exec(memory)?.[1] ?? 0);
  const limit = valueOf('maxmemory');
  if (limit > 0 && valueOf('used_memory') > limit * MOST_FULL) {
    throw notSent('MIMC_QUEUE_FULL', `Redis is more than ${MOST_FULL * 100} % full; nothing was sent`);
  }
}
