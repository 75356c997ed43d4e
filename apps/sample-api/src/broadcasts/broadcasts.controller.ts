import { randomUUID } from 'node:crypto';
import { Body, Controller, Delete, Get, HttpCode, HttpStatus, NotFoundException, Param, Post } from '@nestjs/common';
import { ApiAcceptedResponse, ApiOkResponse, ApiOperation } from '@nestjs/swagger';
import { type Broadcast, MimcBroadcastService, MimcError, type TopicId } from 'nestjs-mimc';
import { ApiMimcErrors } from 'nestjs-mimc/swagger';
import { ApiHttpError, ApiJsonBody, ApiKeyNeeded } from '../docs/http-errors.js';
import { BroadcastDto, BroadcastStateDto } from './broadcast.dto.js';

/** Broadcasts that are remembered: the oldest that has ended makes room for a new one. */
const MAX_BROADCASTS = 100;

interface Remembered {
  broadcast: Broadcast<string> | Broadcast<TopicId>;
  abort: AbortController;
  /** Resolves when it has ended; it never rejects. */
  ended: Promise<unknown>;
}

/** One message to a large audience, in the background and in this process: a restart ends it. */
@ApiKeyNeeded()
@Controller('broadcasts')
export class BroadcastsController {
  readonly #broadcasts = new Map<string, Remembered>();

  constructor(private readonly mimc: MimcBroadcastService) {}

  @Post()
  @HttpCode(HttpStatus.ACCEPTED)
  @ApiOperation({ summary: 'Begin to send a message to many' })
  @ApiAcceptedResponse({ type: BroadcastStateDto, description: 'It has begun.' })
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
  @ApiOperation({ summary: 'How far a broadcast is' })
  @ApiOkResponse({ type: BroadcastStateDto })
  @ApiHttpError(404, 'No broadcast has this id.', 'There is no such broadcast')
  get(@Param('id') id: string): BroadcastStateDto {
    return stateOf(id, this.#found(id).broadcast);
  }

  /** Answers once what was sent has its outcome. */
  @Delete(':id')
  @ApiOperation({ summary: 'Stop a broadcast' })
  @ApiOkResponse({ type: BroadcastStateDto })
  @ApiHttpError(404, 'No broadcast has this id.', 'There is no such broadcast')
  async stop(@Param('id') id: string): Promise<BroadcastStateDto> {
    const { broadcast, abort, ended } = this.#found(id);
    abort.abort();
    await ended;
    return stateOf(id, broadcast);
  }

  #found(id: string): Remembered {
    const found = this.#broadcasts.get(id);
    if (found === undefined) throw new NotFoundException('There is no such broadcast');
    return found;
  }

  /** @throws MimcError `MIMC_QUEUE_FULL` when all that are remembered still run */
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
