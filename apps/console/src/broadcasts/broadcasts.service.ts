import { Injectable, NotFoundException, PayloadTooLargeException } from '@nestjs/common';
import { MimcError } from 'nestjs-mimc';
import { InvalidBodyException } from '../../../sample-api/src/errors/invalid-body.exception.js';
// Values: they are the tokens by which these are injected.
import { AudienceSpool, type StoredAudience } from './audience/audience-spool.js';
import { LineError } from './audience/lines.js';
import type { BroadcastInput } from './broadcast-input.js';
import { BroadcastRunner } from './broadcast-runner.js';
import type { BroadcastState } from './broadcast-state.js';

/** Takes broadcasts in, and answers in HTTP's terms. */
@Injectable()
export class BroadcastsService {
  constructor(
    private readonly runner: BroadcastRunner,
    private readonly spool: AudienceSpool,
  ) {}

  /** Nothing is sent before the whole audience is stored: one that turns out wrong at its end is refused as a whole. */
  async create(input: BroadcastInput): Promise<BroadcastState> {
    await this.#check(input);
    const audience = await this.#store(input);
    return this.runner.start(input.request, audience);
  }

  async get(id: string): Promise<BroadcastState> {
    return found(id, await this.runner.get(id));
  }

  async pause(id: string): Promise<BroadcastState> {
    return found(id, await this.runner.pause(id));
  }

  async resume(id: string): Promise<BroadcastState> {
    return found(id, await this.runner.resume(id));
  }

  async cancel(id: string): Promise<BroadcastState> {
    return found(id, await this.runner.cancel(id));
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
    throw new InvalidBodyException('arrayMinSize', 'The audience must name at least one recipient');
  }
}

function explain(error: unknown): never {
  if (!(error instanceof LineError)) throw error;
  if (error.rule === 'maxLineBytes') throw new PayloadTooLargeException(error.message);
  throw new InvalidBodyException(error.rule, error.message, `line ${error.line}`);
}

function found(id: string, state: BroadcastState | undefined): BroadcastState {
  if (state !== undefined) return state;
  throw new NotFoundException(`There is no broadcast ${id.slice(0, 64)}`);
}

function renamed(error: MimcError, fieldName: (field: string) => string): MimcError {
  const { code, outcome, violations = [] } = error;
  const own = violations.map(({ field, rule, message }) => {
    const name = fieldName(field);
    return { field: name, rule, message: message.startsWith(field) ? name + message.slice(field.length) : message };
  });
  return new MimcError({ code, outcome, message: own[0]?.message ?? error.message, violations: own });
}
