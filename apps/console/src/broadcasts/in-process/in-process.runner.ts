import { BeforeApplicationShutdown, ConflictException, Logger, OnModuleDestroy } from '@nestjs/common';
import { MimcBroadcastService, MimcError } from 'nestjs-mimc';
import type { StoredAudience } from '../audience/audience-spool.js';
import type { BroadcastLimits } from '../broadcast-limits.js';
import { checkBroadcast } from '../broadcast-pass.js';
import type { BroadcastRequest } from '../broadcast-request.js';
import { BroadcastRunner } from '../broadcast-runner.js';
import type { BroadcastFailure, BroadcastState, BroadcastSummary } from '../broadcast-state.js';
import { InProcessBroadcast } from './in-process-broadcast.js';

/** Runs broadcasts in this process. They end with it, because the audience is a temporary file. */
export class InProcessRunner extends BroadcastRunner implements OnModuleDestroy, BeforeApplicationShutdown {
  readonly #logger = new Logger('Broadcasts');
  readonly #broadcasts = new Map<string, InProcessBroadcast>();
  #ending: Promise<unknown> | undefined;

  constructor(
    private readonly mimc: MimcBroadcastService,
    private readonly limits: Pick<BroadcastLimits, 'maxOpen' | 'maxKept'>,
  ) {
    super();
  }

  async check(request: BroadcastRequest): Promise<void> {
    checkBroadcast(this.mimc, request);
    this.#checkRoom(request.id);
  }

  async start(request: BroadcastRequest, audience: StoredAudience): Promise<BroadcastState> {
    try {
      this.#checkRoom(request.id);
    } catch (error) {
      await audience.discard();
      throw error;
    }
    const broadcast = new InProcessBroadcast(this.mimc, request, audience);
    this.#broadcasts.set(request.id, broadcast);
    return broadcast.state;
  }

  async list(): Promise<BroadcastSummary[]> {
    const latest = [...this.#broadcasts.values()].toReversed();
    return latest.map(({ state: { failures: _failures, failuresOmitted: _omitted, ...summary } }) => summary);
  }

  async get(id: string): Promise<BroadcastState | undefined> {
    return this.#broadcasts.get(id)?.state;
  }

  pause(id: string): Promise<BroadcastState | undefined> {
    return this.#act(id, (broadcast) => broadcast.pause());
  }

  resume(id: string): Promise<BroadcastState | undefined> {
    return this.#act(id, (broadcast) => broadcast.resume());
  }

  cancel(id: string): Promise<BroadcastState | undefined> {
    return this.#act(id, (broadcast) => broadcast.cancel());
  }

  resend(id: string): Promise<BroadcastState | undefined> {
    return this.#act(id, (broadcast) => broadcast.resend());
  }

  async *failures(id: string): AsyncGenerator<BroadcastFailure, void, undefined> {
    yield* this.#broadcasts.get(id)?.failures() ?? [];
  }

  /** The first hook of a shutdown: nothing more is sent, and connected clients see the broadcast end. */
  onModuleDestroy(): void {
    const open = [...this.#broadcasts.values()].filter(({ isOver }) => !isOver);
    if (open.length > 0) this.#logger.warn(`Shutting down: cancelling ${open.length} broadcasts`);
    this.#ending = Promise.all(open.map((broadcast) => broadcast.cancel()));
  }

  /** Calls in flight finish in this phase; the files are removed after it. */
  async beforeApplicationShutdown(): Promise<void> {
    await this.#ending;
  }

  async #act(
    id: string,
    action: (broadcast: InProcessBroadcast) => Promise<void>,
  ): Promise<BroadcastState | undefined> {
    const broadcast = this.#broadcasts.get(id);
    if (broadcast === undefined) return undefined;
    await action(broadcast);
    return broadcast.state;
  }

  #checkRoom(id: string): void {
    if (this.#ending !== undefined) throw refusal('MIMC_CLOSED', 'The application is shutting down');
    if (this.#broadcasts.has(id)) throw new ConflictException(`A broadcast with the id ${id} already exists`);
    const ended = [...this.#broadcasts].filter(([, { isOver }]) => isOver);
    const open = this.#broadcasts.size - ended.length;
    if (open >= this.limits.maxOpen) throw refusal('MIMC_QUEUE_FULL', `${open} broadcasts are already open`);
    // Oldest first.
    for (const [oldest, broadcast] of ended.slice(0, Math.max(0, ended.length - this.limits.maxKept))) {
      this.#broadcasts.delete(oldest);
      // A file that cannot be removed now is removed with the directory.
      void broadcast.discard().catch(() => undefined);
    }
  }
}

function refusal(code: 'MIMC_CLOSED' | 'MIMC_QUEUE_FULL', message: string): MimcError {
  return new MimcError({ code, message, outcome: 'not-sent' });
}
