import { Controller, Get, Headers, Inject, type MessageEvent, Sse } from '@nestjs/common';
import { ApiExcludeController } from '@nestjs/swagger';
import type { Observable } from 'rxjs';
import { ClientKeepsUp, type KeepsUp } from '../http/client-keeps-up.decorator.js';
import type { ConsoleSettings } from '../settings.js';
import { ConsoleEvents } from './console-events.js';
import { FAULT_PRESETS } from './fault-presets.js';

/** Token of the console's settings, some of which the page needs to know. */
export const CONSOLE_SETTINGS = Symbol('CONSOLE_SETTINGS');

interface ConsoleInfo {
  mode: ConsoleSettings['mode'];
  /** Whether broadcasts are on a queue and outlive the server; those take no options. */
  isQueued: boolean;
  /** Ids of the faults that the emulator can simulate. Undefined when the server talks to MIMC. */
  faults?: string[];
}

/** What the console's page needs besides the API that it shows. */
@ApiExcludeController()
@Controller('console')
export class ConsoleController {
  constructor(
    @Inject(CONSOLE_SETTINGS) private readonly settings: ConsoleSettings,
    private readonly events: ConsoleEvents,
  ) {}

  /** The page also calls this to check its key: the guard answers 401 if it is wrong. */
  @Get('info')
  info(): ConsoleInfo {
    const { mode, redisUrl } = this.settings;
    return { mode, isQueued: redisUrl !== undefined, ...(mode === 'demo' && { faults: Object.keys(FAULT_PRESETS) }) };
  }

  @Sse('events')
  follow(@ClientKeepsUp() keepsUp: KeepsUp, @Headers('last-event-id') lastEventId?: string): Observable<MessageEvent> {
    return this.events.after(lastEventId, keepsUp);
  }
}
