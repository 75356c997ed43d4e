import { randomUUID } from 'node:crypto';
import { Body, Controller, Delete, Get, HttpCode, HttpStatus, NotFoundException, Param, Post } from '@nestjs/common';
import { ApiAcceptedResponse, ApiOkResponse, ApiOperation } from '@nestjs/swagger';
import { type Broadcast, MimcBroadcastService, MimcError, type TopicId } from 'nestjs-mimc';
import { ApiMimcErrors } from 'nestjs-mimc/swagger';
import { ApiHttpError, ApiJsonBody, ApiKeyNeeded } from '../docs/http-errors.js';
import { BroadcastDto, BroadcastStateDto } from './broadcast.dto.js';

/** Most broadcasts kept: a new one replaces the oldest that has ended. */
const MAX_BROADCASTS = 100;

interface Remembered {
  broadcast: Broadcast<string> | Broadcast<TopicId>;
  abort: AbortController;
  /** Resolves when it has ended; never rejects. */
  ended: Promise<unknown>;
}

/** Sends one message to a large audience, in the background of this process: a restart ends it. */
@ApiKeyNeeded()
@Controller('broadcasts')
export class BroadcastsController {
  readonly #broadcasts = new Map<string, Remembered>();

  constructor(private readonly mimc: MimcBroadcastService) {}

  @Post()
  @HttpCode(HttpStatus.ACCEPTED)
  @ApiOperation({ summary: 'Start sending a message to many recipients' })
  @ApiAcceptedResponse({ type: BroadcastStateDto, description: 'The broadcast has started.' })
  @ApiMimcErrors({ codes: ['MIMC_INVALID', 'MIMC_QUEUE_FULL', 'MIMC_CLOSED'] })
  @ApiJsonBody()
  create(@Body() { kind, recipients, ...message }: BroadcastDto): BroadcastStateDto {
    this.#makeRoom();
    const abort = new AbortController();
    const options = { signal: abort.signal };
    const broadcast =
      kind === 'accounts'
        ? this.mimc.toAccounts(recipients, message, options)
        : this.mimc.toTopics(recipients, message, options);
    const id = randomUUID();
    this.#broadcasts.set(id, { broadcast, abort, ended: broadcast.drain() });
    return stateOf(id, broadcast);
  }

  @Get(':id')
  @ApiOperation({ summary: 'Show the state of a broadcast' })
  @ApiOkResponse({ type: BroadcastStateDto })
  @ApiHttpError(404, 'No broadcast has this id.', 'No broadcast has this id')
  get(@Param('id') id: string): BroadcastStateDto {
    return stateOf(id, this.#found(id).broadcast);
  }

  /** Answers once the requests in flight have their outcomes. */
  @Delete(':id')
  @ApiOperation({ summary: 'Stop a broadcast' })
  @ApiOkResponse({ type: BroadcastStateDto })
  @ApiHttpError(404, 'No broadcast has this id.', 'No broadcast has this id')
  async stop(@Param('id') id: string): Promise<BroadcastStateDto> {
    const { broadcast, abort, ended } = this.#found(id);
    abort.abort();
    await ended;
    return stateOf(id, broadcast);
  }

  #found(id: string): Remembered {
    const found = this.#broadcasts.get(id);
    if (found === undefined) throw new NotFoundException('No broadcast has this id');
    return found;
  }

  /** @throws MimcError `MIMC_QUEUE_FULL` when all of them are still running */
  #makeRoom(): void {
    if (this.#broadcasts.size < MAX_BROADCASTS) return;
    const [oldest] = [...this.#broadcasts].find(([, { broadcast }]) => broadcast.summary !== undefined) ?? [];
    if (oldest !== undefined) this.#broadcasts.delete(oldest);
    else
      throw new MimcError({ code: 'MIMC_QUEUE_FULL', outcome: 'not-sent', message: 'Too many broadcasts are running' });
  }
}

function stateOf(id: string, { progress, summary }: Remembered['broadcast']): BroadcastStateDto {
  return { id, progress, summary };
}
