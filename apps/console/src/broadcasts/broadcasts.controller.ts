import {
  ConflictException,
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
  CancelBroadcastDocs,
  CreateBroadcastDocs,
  PauseBroadcastDocs,
  ResumeBroadcastDocs,
} from '../docs/broadcast-routes.docs.js';
import { ClientKeepsUp, type KeepsUp } from '../http/client-keeps-up.decorator.js';
import { BroadcastEvents } from './broadcast-events.js';
import { type BroadcastInput, BroadcastInputPipe, TheRequest } from './broadcast-input.js';
import type { BroadcastState } from './broadcast-state.js';
import { BroadcastsService } from './broadcasts.service.js';

/** One message to a large audience, which takes a while: started here, and then looked at, paused, resumed or cancelled. */
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

  @Get(':id')
  @BroadcastDocs()
  get(@Param('id') id: string): Promise<BroadcastState> {
    return this.broadcasts.get(id);
  }

  @Sse(':id/events')
  @BroadcastEventsDocs()
  async events(@Param('id') id: string, @ClientKeepsUp() keepsUp: KeepsUp): Promise<Observable<MessageEvent>> {
    // 404, where the stream could no longer say so.
    await this.broadcasts.get(id);
    return this.progress.of(id, keepsUp);
  }

  @Post(':id/pause')
  @HttpCode(HttpStatus.OK)
  @PauseBroadcastDocs()
  async pause(@Param('id') id: string): Promise<BroadcastState> {
    return expectState('paused', await this.broadcasts.pause(id));
  }

  @Post(':id/resume')
  @HttpCode(HttpStatus.OK)
  @ResumeBroadcastDocs()
  async resume(@Param('id') id: string): Promise<BroadcastState> {
    return expectState('running', await this.broadcasts.resume(id));
  }

  @Delete(':id')
  @CancelBroadcastDocs()
  async cancel(@Param('id') id: string): Promise<BroadcastState> {
    return expectState('cancelled', await this.broadcasts.cancel(id));
  }
}

/** Asking twice is harmless; asking for what can no longer be is not, as the client believes otherwise. */
function expectState(wanted: BroadcastState['state'], state: BroadcastState): BroadcastState {
  if (state.state === wanted) return state;
  throw new ConflictException(`The broadcast is ${state.state}`);
}
