import { ConflictException, Injectable, NotFoundException, PayloadTooLargeException } from '@nestjs/common';
import { MimcError } from 'nestjs-mimc';
import { InvalidBodyException } from '../../../sample-api/src/errors/invalid-body.exception.js';
// Not `import type`: these classes are injection tokens.
import { AudienceSpool, type StoredAudience } from './audience/audience-spool.js';
import { LineError } from './audience/lines.js';
import type { BroadcastInput } from './broadcast-input.js';
import { BroadcastRunner } from './broadcast-runner.js';
import type { BroadcastFailure, BroadcastState, BroadcastStatus, BroadcastSummary } from './broadcast-state.js';

/** Most ended broadcasts in a list. */
const MAX_ENDED = 100;

/** A list of broadcasts. */
export interface BroadcastList {
  /** All that have not ended, and the latest of the others. */
  broadcasts: BroadcastSummary[];
  /** How many ended broadcasts are not listed. */
  omitted: number;
}

/** Manages broadcasts and translates failures into HTTP exceptions. */
@Injectable()
export class BroadcastsService {
  constructor(
    private readonly runner: BroadcastRunner,
    private readonly spool: AudienceSpool,
  ) {}

  /** Nothing is sent before the whole audience is stored: one with an error at its end is refused completely. */
  async create(input: BroadcastInput): Promise<BroadcastState> {
    await this.#check(input);
    const audience = await this.#store(input);
    return this.runner.start(input.request, audience);
  }

  async list(): Promise<BroadcastList> {
    const all = await this.runner.list();
    let ended = 0;
    const broadcasts = all.filter(({ finishedAt }) => finishedAt === undefined || (ended += 1) <= MAX_ENDED);
    return { broadcasts, omitted: all.length - broadcasts.length };
  }

  async get(id: string): Promise<BroadcastState> {
    return found(id, await this.runner.get(id));
  }

  async pause(id: string): Promise<BroadcastState> {
    return expectState(['paused'], found(id, await this.runner.pause(id)));
  }

  async resume(id: string): Promise<BroadcastState> {
    return expectState(['running', 'scheduled'], found(id, await this.runner.resume(id)));
  }

  async cancel(id: string): Promise<BroadcastState> {
    return expectState(['cancelled'], found(id, await this.runner.cancel(id)));
  }

  async resend(id: string): Promise<BroadcastState> {
    const { finishedAt, progress } = await this.get(id);
    if (finishedAt === undefined) throw new ConflictException('The broadcast has not ended yet');
    if (progress.refused + progress.notSent === 0)
      throw new ConflictException('No recipient was refused or not sent to');
    return found(id, await this.runner.resend(id));
  }

  /** One line of JSON per failure. */
  async failures(id: string): Promise<AsyncIterable<string>> {
    await this.get(id);
    return lines(this.runner.failures(id));
  }

  async #check({ request, fieldName }: BroadcastInput): Promise<void> {
    try {
      await this.runner.check(request);
    } catch (error) {
      throw MimcError.is(error) && error.violations !== undefined ? renamed(error, fieldName) : error;
    }
  }

  async #store({ recipients }: BroadcastInput): Promise<StoredAudience> {
    const audience = await this.spool.store(recipients).catch(explain);
    if (audience.count > 0) return audience;
    await audience.discard();
    throw new InvalidBodyException('arrayMinSize', 'The audience must contain at least one recipient');
  }
}

function explain(error: unknown): never {
  if (!(error instanceof LineError)) throw error;
  if (error.rule === 'maxLineBytes') throw new PayloadTooLargeException(error.message);
  throw new InvalidBodyException(error.rule, error.message, `line ${error.line}`);
}

async function* lines(failures: AsyncIterable<BroadcastFailure>): AsyncGenerator<string> {
  for await (const failure of failures) yield `${JSON.stringify(failure)}\n`;
}

/** Allows repeating an action; answers 409 to one that is no longer possible. */
function expectState(wanted: readonly BroadcastStatus[], broadcast: BroadcastState): BroadcastState {
  if (wanted.includes(broadcast.state)) return broadcast;
  throw new ConflictException(`The broadcast is ${broadcast.state}`);
}

function found(id: string, state: BroadcastState | undefined): BroadcastState {
  if (state !== undefined) return state;
  throw new NotFoundException(`No broadcast has the id ${id.slice(0, 64)}`);
}

function renamed(error: MimcError, fieldName: (field: string) => string): MimcError {
  const { code, outcome, violations = [] } = error;
  const own = violations.map(({ field, rule, message }) => {
    const name = fieldName(field);
    return { field: name, rule, message: message.startsWith(field) ? name + message.slice(field.length) : message };
  });
  return new MimcError({ code, outcome, message: own[0]?.message ?? error.message, violations: own });
}
