import { MimcEmulator } from 'nestjs-mimc/testing';
import { accountOf, placeOf } from './chaos-audience.js';

/** The settings of the emulator, its first message. */
export interface EmulatorSettings {
  readonly accountsPerSecond: number;
  readonly answerMs: number;
}

/** A request to it: the sizes of audiences. */
export type LedgerQuestion = Readonly<Record<string, number>>;

/** What it answers. */
export interface LedgerAnswer {
  /** How often each account of an audience got a message, at most 255 times, as Base64. */
  readonly counts: Readonly<Record<string, string>>;
  /** When messages to an audience came, in milliseconds; as many as there were. */
  readonly arrivals: Readonly<Record<string, readonly number[]>>;
  readonly worstSecond: number;
  readonly throttled: number;
}

/** The emulator, which survives all others. */
const { accountsPerSecond, answerMs } = JSON.parse(process.argv[2] ?? '{}') as EmulatorSettings;
const emulator = await MimcEmulator.start({ ledger: 'counts', quota: { accountsPerSecond } });
emulator.faultWhen(() => true, { kind: 'delay', ms: answerMs });
const arrivals: Record<string, number[]> = {};
emulator.onMessage(({ to, receivedAt }) => (arrivals[placeOf(to)[0]] ??= []).push(receivedAt));

process.on('disconnect', () => process.exit());
process.on('message', (question) => process.send?.(answerTo(JSON.parse(String(question)) as LedgerQuestion)));
process.send?.({ url: emulator.url, credentials: emulator.credentials });

function answerTo(sizes: LedgerQuestion): LedgerAnswer {
  const { worstWindow, totals } = emulator;
  const counts = Object.entries(sizes).map(([audience, size]) => {
    const times = Array.from({ length: size }, (_, index) => Math.min(emulator.count(accountOf(audience, index)), 255));
    return [audience, Buffer.from(times).toString('base64')] as const;
  });
  return {
    counts: Object.fromEntries(counts),
    arrivals,
    worstSecond: worstWindow.accounts,
    throttled: totals.throttled,
  };
}
