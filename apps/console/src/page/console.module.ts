import { type DynamicModule, Module } from '@nestjs/common';
import { DemoModule } from '../../../sample-api/src/mimc/demo.module.js';
import type { ConsoleSettings } from '../settings.js';
import { CallbackHistory } from './callback-history.js';
import { ConsoleEvents } from './console-events.js';
import { ConsoleLimits } from './console-limits.js';
import { CONSOLE_SETTINGS, ConsoleController } from './console.controller.js';
import { FaultSwitch } from './fault-switch.js';
import { FaultsController } from './faults.controller.js';
import { InboxHistory } from './inbox-history.js';
import { UserMessagesController } from './user-messages.controller.js';

/** What the console's page needs from the server; `useConsole` serves the page itself. */
@Module({})
export class ConsoleModule {
  static with(settings: ConsoleSettings): DynamicModule {
    const isDemo = settings.mode === 'demo';
    return {
      module: ConsoleModule,
      imports: isDemo ? [DemoModule] : [],
      controllers: [ConsoleController, ...(isDemo ? [FaultsController, UserMessagesController] : [])],
      providers: [
        CallbackHistory,
        ConsoleEvents,
        { provide: CONSOLE_SETTINGS, useValue: settings },
        { provide: ConsoleLimits, useFactory: () => new ConsoleLimits(settings.consoleLimits) },
        ...(isDemo ? [InboxHistory, FaultSwitch] : []),
      ],
    };
  }
}
