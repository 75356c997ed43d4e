import { constants } from 'node:os';

/** Exit codes of shells: 128 and the number of the signal. */
const SIGNALS = { SIGINT: 128 + constants.signals.SIGINT, SIGTERM: 128 + constants.signals.SIGTERM } as const;

/** Ends the process at once when it is told to stop for a second time, as Nest ignores every signal after the first. */
export function endAtSecondSignal(): void {
  let isStopping = false;
  for (const [signal, exitCode] of Object.entries(SIGNALS)) {
    process.on(signal, () => {
      if (isStopping) process.exit(exitCode);
      isStopping = true;
    });
  }
}
