import { ConflictException } from '@nestjs/common';
import { inPages, type MimcBroadcastService, MimcError } from 'nestjs-mimc';
import type { MimcBroadcastQueue } from 'nestjs-mimc/bullmq';
import type { StoredAudience } from '../audience/audience-spool.js';
import { checkBroadcast } from '../broadcast-pass.js';
import type { BroadcastRequest } from '../broadcast-request.js';
import { BroadcastRunner } from '../broadcast-runner.js';
import type { BroadcastFailure, BroadcastState, BroadcastSummary } from '../broadcast-state.js';
import { failuresOf, listedFailures, stateOf, summaryOf } from './queued-state.js';

/** Runs broadcasts on the queue, which outlives this process; this process and every worker send. */
export class QueueRunner extends BroadcastRunner {
  constructor(
    private readonly mimc: MimcBroadcastService,
    private readonly queue: MimcBroadcastQueue,
  ) {
    super();
  }

  async check(request: BroadcastRequest): Promise<void> {
    checkBroadcast(this.mimc, request);
    refuseOptions(request);
    // A broadcast whose upload broke off continues when it is uploaded again.
    const known = await (await this.#reachable()).get(request.id);
    if (known !== undefined && known.state !== 'enqueuing')
      throw new ConflictException(`A broadcast with the id ${request.id} already exists`);
  }

  /** Resolves once Redis has the whole audience. Any process can send it then. */
  async start({ id, kind, message, startAt }: BroadcastRequest, audience: StoredAudience): Promise<BroadcastState> {
    try {
      const pages = inPages(audience.read());
      const broadcast = await (await this.#reachable()).enqueue({ id, kind, message, startAt, audience: pages });
      return stateOf(broadcast, []);
    } finally {
      await audience.discard();
    }
  }

  async list(): Promise<BroadcastSummary[]> {
    return (await (await this.#reachable()).list()).map(summaryOf);
  }

  async get(id: string): Promise<BroadcastState | undefined> {
    const broadcast = await (await this.#reachable()).get(id);
    return broadcast && stateOf(broadcast, await listedFailures(this.failures(id)));
  }

  async pause(id: string): Promise<BroadcastState | undefined> {
    await (await this.#reachable()).pause(id);
    return this.get(id);
  }

  async resume(id: string): Promise<BroadcastState | undefined> {
    await (await this.#reachable()).resume(id);
    return this.get(id);
  }

  async cancel(id: string): Promise<BroadcastState | undefined> {
    await (await this.#reachable()).cancel(id);
    return this.get(id);
  }

  async resend(id: string): Promise<BroadcastState | undefined> {
    await (await this.#reachable()).resend(id, ['refused', 'not-sent', 'cancelled', 'expired']);
    return this.get(id);
  }

  failures(id: string): AsyncIterable<BroadcastFailure> {
    return failuresOf(this.queue.failedChunks(id));
  }

  /** The queue, once Redis answers: without Redis clients get a quick 503 instead of a late Redis error. */
  async #reachable(): Promise<MimcBroadcastQueue> {
    await this.queue.ping();
    return this.queue;
  }
}

/** Any worker may send, so these options are set once for all of them. */
function refuseOptions({ options }: BroadcastRequest): void {
  const violations = Object.keys(options).map((name) => {
    const field = `options.${name}`;
    return { field, rule: 'queue', message: `${field} is not available on the queue` };
  });
  const [first] = violations;
  if (first === undefined) return;
  throw new MimcError({ code: 'MIMC_INVALID', outcome: 'not-sent', message: first.message, violations });
}
