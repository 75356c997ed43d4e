import { Controller, Get, Headers, Inject, type MessageEvent, Sse } from '@nestjs/common';
import { ApiExcludeController } from '@nestjs/swagger';
import type { Observable } from 'rxjs';
import { ClientKeepsUp, type KeepsUp } from '../http/client-keeps-up.decorator.js';
import type { ConsoleSettings } from '../settings.js';
import { ConsoleEvents } from './console-events.js';
import { FAULT_PRESETS } from './fault-presets.js';

/** Token of the sample's settings, of which the page is told what it has to know. */
export const CONSOLE_SETTINGS = Symbol('CONSOLE_SETTINGS');

interface ConsoleInfo {
  mode: ConsoleSettings['mode'];
  /** Whether broadcasts outlive the server, on a queue; those take no options. */
  isQueued: boolean;
  /** What the emulator can be made to do; absent where there is none. */
  faults?: { id: string; label: string; effect: string }[];
}

/** What the console's page asks for beside the API that it shows. */
@ApiExcludeController()
@Controller('console')
export class ConsoleController {
  constructor(
    @Inject(CONSOLE_SETTINGS) private readonly settings: ConsoleSettings,
    private readonly events: ConsoleEvents,
  ) {}

  /** Tells the page whether its key is right, too. */
  @Get('info')
  info(): ConsoleInfo {
    const { mode, redisUrl } = this.settings;
    return { mode, isQueued: redisUrl !== undefined, ...(mode === 'demo' && { faults: presets() }) };
  }

  @Sse('events')
  follow(@ClientKeepsUp() keepsUp: KeepsUp, @Headers('last-event-id') lastEventId?: string): Observable<MessageEvent> {
    return this.events.after(lastEventId, keepsUp);
  }
}

function presets(): ConsoleInfo['faults'] {
  return Object.entries(FAULT_PRESETS).map(([id, { label, effect }]) => ({ id, label, effect }));
}
