import { constants } from 'node:os';

/** Exit codes of shells: 128 plus the number of the signal. */
const SIGNALS = { SIGINT: 128 + constants.signals.SIGINT, SIGTERM: 128 + constants.signals.SIGTERM } as const;

/**
 * Signals within this time of the first are the same request to stop, in milliseconds: the terminal sends Ctrl-C to every
 * process, and npm and the Nest CLI each pass it on.
 */
const SAME_MS = 500;

/**
 * Calls `stop` at the first stop signal and exits at the second, which Nest ignores. Default exit code: that of shells for
 * the signal.
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
