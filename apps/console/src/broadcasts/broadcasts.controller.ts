import { pipeline } from 'node:stream/promises';
import {
  Controller,
  Delete,
  Get,
  HttpCode,
  HttpStatus,
  type MessageEvent,
  Param,
  Post,
  Res,
  Sse,
} from '@nestjs/common';
import type { Response } from 'express';
import type { Observable } from 'rxjs';
import {
  BroadcastDocs,
  BroadcastEventsDocs,
  BroadcastFailuresDocs,
  BroadcastListDocs,
  CancelBroadcastDocs,
  CreateBroadcastDocs,
  PauseBroadcastDocs,
  ResendBroadcastDocs,
  ResumeBroadcastDocs,
} from '../docs/broadcast-routes.docs.js';
import { ClientKeepsUp, type KeepsUp } from '../http/client-keeps-up.decorator.js';
import { BroadcastEvents } from './broadcast-events.js';
import { type BroadcastInput, BroadcastInputPipe, TheRequest } from './broadcast-input.js';
import type { BroadcastState } from './broadcast-state.js';
import { type BroadcastList, BroadcastsService } from './broadcasts.service.js';

/** Long-running sends to large audiences: start, inspect, pause, resume, cancel and resend them. */
@Controller('broadcasts')
export class BroadcastsController {
  constructor(
    private readonly broadcasts: BroadcastsService,
    private readonly progress: BroadcastEvents,
  ) {}

  @Post()
  @HttpCode(HttpStatus.ACCEPTED)
  @CreateBroadcastDocs()
  async create(
    @TheRequest(BroadcastInputPipe) input: BroadcastInput,
    @Res({ passthrough: true }) response: Response,
  ): Promise<BroadcastState> {
    const state = await this.broadcasts.create(input);
    response.location(`/broadcasts/${state.id}`);
    return state;
  }

  @Get()
  @BroadcastListDocs()
  list(): Promise<BroadcastList> {
    return this.broadcasts.list();
  }

  @Get(':id')
  @BroadcastDocs()
  get(@Param('id') id: string): Promise<BroadcastState> {
    return this.broadcasts.get(id);
  }

  @Sse(':id/events')
  @BroadcastEventsDocs()
  async events(@Param('id') id: string, @ClientKeepsUp() keepsUp: KeepsUp): Promise<Observable<MessageEvent>> {
    // Answers 404 here: once the stream is open it is too late.
    await this.broadcasts.get(id);
    return this.progress.of(id, keepsUp);
  }

  /** When it fails midway, the client sees an aborted connection. */
  @Get(':id/failures')
  @BroadcastFailuresDocs()
  async failures(@Param('id') id: string, @Res() response: Response): Promise<void> {
    const lines = await this.broadcasts.failures(id);
    response.attachment(`${id}.failures.ndjson`).type('application/x-ndjson');
    await pipeline(lines, response).catch(() => undefined);
  }

  @Post(':id/pause')
  @HttpCode(HttpStatus.OK)
  @PauseBroadcastDocs()
  pause(@Param('id') id: string): Promise<BroadcastState> {
    return this.broadcasts.pause(id);
  }

  @Post(':id/resume')
  @HttpCode(HttpStatus.OK)
  @ResumeBroadcastDocs()
  resume(@Param('id') id: string): Promise<BroadcastState> {
    return this.broadcasts.resume(id);
  }

  @Post(':id/resend')
  @HttpCode(HttpStatus.OK)
  @ResendBroadcastDocs()
  resend(@Param('id') id: string): Promise<BroadcastState> {
    return this.broadcasts.resend(id);
  }

  @Delete(':id')
  @CancelBroadcastDocs()
  cancel(@Param('id') id: string): Promise<BroadcastState> {
    return this.broadcasts.cancel(id);
  }
}
