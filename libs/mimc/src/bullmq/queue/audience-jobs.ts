import { createHash } from 'node:crypto';
import type { Cluster, Redis } from 'ioredis';
import type { MimcAudience, MimcQuotaKind, TopicId } from '../../index.js';
import { accountRule, AudienceReader, notSent, SettledRanges, textOf, topicIdRule } from '../../internals.js';

/** Jobs that are added at a time: Redis serves nobody else meanwhile, for some milliseconds. */
const JOBS_AT_A_TIME = 200;

/** How full Redis may become, of its `maxmemory`: the rest is for those who send. */
const MOST_FULL = 0.9;

/** An audience that is in Redis. */
export interface WrittenAudience {
  /** Entries, those included that are not recipients. */
  readonly read: number;
  readonly jobs: number;
  /** The same for the same audience only. */
  readonly digest: string;
}

export interface AudienceToWrite {
  readonly kind: MimcQuotaKind;
  readonly audience: MimcAudience<string> | MimcAudience<TopicId>;
  readonly chunkSize: number;
}

/** A job as BullMQ takes it. */
export interface NewJob {
  readonly name: 'chunk' | 'invalid';
  readonly data: unknown;
  readonly opts: { readonly jobId: string };
}

/**
 * Writes an audience to BullMQ, a job for each request, in flat memory. The id of a job is made of its place in the audience
 * and of its recipients: written again, the same audience makes the same jobs, and another one makes others.
 *
 * @param add adds jobs; `read` counts the entries read so far
 */
export async function writeAudience(
  { kind, audience, chunkSize }: AudienceToWrite,
  add: (jobs: NewJob[], read: number) => Promise<void>,
): Promise<WrittenAudience> {
  const reader = new AudienceReader<unknown>(audience as MimcAudience<unknown>, {
    chunkSize,
    dedupeWindow: 0,
    rule: kind === 'accounts' ? accountRule : topicIdRule,
    settled: new SettledRanges(undefined),
  });
  const digest = createHash('sha256');
  let batch: NewJob[] = [];
  let jobs = 0;
  const flush = async () => {
    await add(batch, reader.read);
    jobs += batch.length;
    batch = [];
  };
  try {
    for await (const pieces of reader) {
      for (const piece of pieces) {
        const job = piece.kind === 'chunk' ? chunkJob(piece.offset, piece.recipients) : invalidJob(piece);
        digest.update(job.opts.jobId);
        batch.push(job);
        if (batch.length >= JOBS_AT_A_TIME) await flush();
      }
    }
  } finally {
    // Of an audience that breaks off too, so that another one is noticed when it comes under the same id.
    if (batch.length > 0) await flush();
  }
  return { read: reader.read, jobs, digest: digest.digest('hex').slice(0, 32) };
}

function chunkJob(offset: number, recipients: readonly unknown[]): NewJob {
  const data = recipients.map(String);
  return { name: 'chunk', data, opts: { jobId: jobId(offset, data) } };
}

function invalidJob({ offset, recipient }: { offset: number; recipient: unknown }): NewJob {
  const data = [[offset, textOf(recipient)]];
  return { name: 'invalid', data, opts: { jobId: jobId(offset, data) } };
}

function jobId(offset: number, data: unknown): string {
  return `${offset}-${createHash('sha1').update(JSON.stringify(data)).digest('hex').slice(0, 10)}`;
}

/** @throws MimcError `MIMC_QUEUE_FULL` when Redis is nearly full, as far as it says so */
export async function refuseIfFull(redis: Redis | Cluster): Promise<void> {
  const memory = await redis.info('memory').catch(() => '');
  const valueOf = (name: string) => Number(new RegExp(`^${name}:(\\d+)`, 'm').exec(memory)?.[1] ?? 0);
  const limit = valueOf('maxmemory');
  if (limit > 0 && valueOf('used_memory') > limit * MOST_FULL) {
    throw notSent('MIMC_QUEUE_FULL', `Redis is more than ${MOST_FULL * 100} % full; nothing was sent`);
  }
}
