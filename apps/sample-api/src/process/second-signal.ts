import { constants } from 'node:os';

/** Exit codes of shells: 128 and the number of the signal. */
const SIGNALS = { SIGINT: 128 + constants.signals.SIGINT, SIGTERM: 128 + constants.signals.SIGTERM } as const;

/**
 * Signals within this time of the first are the same request to stop, in milliseconds: the terminal sends Ctrl-C to every
 * process, and npm and the Nest CLI each pass it on.
 */
const SAME_MS = 500;

/**
 * Calls `stop` at the first signal to stop, and ends the process at once at the second, which Nest ignores: with this exit
 * code, by default the one that shells have for the signal.
 */
export function endAtSecondSignal(stop: () => void = () => undefined, exitCode?: number): void {
  let stoppedAt: number | undefined;
  for (const [signal, ofSignal] of Object.entries(SIGNALS)) {
    process.on(signal, () => {
      const now = performance.now();
      if (stoppedAt === undefined) {
        stoppedAt = now;
        stop();
      } else if (now - stoppedAt > SAME_MS) process.exit(exitCode ?? ofSignal);
    });
  }
}
