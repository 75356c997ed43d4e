import { ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { MimcEmulatorCredentials } from 'nestjs-mimc/testing';

const PAGE = 100_000;

/** The emulator in a process of its own, asked over IPC. */
export class Ledger {
  private constructor(
    private readonly process: ChildProcess,
    readonly url: string,
    readonly credentials: MimcEmulatorCredentials,
  ) {}

  static async start(): Promise<Ledger> {
    const child = fork(fileURLToPath(new URL('./emulator.js', import.meta.url)));
    const [{ url, credentials }] = (await once(child, 'message')) as [
      { url: string; credentials: MimcEmulatorCredentials },
    ];
    return new Ledger(child, url, credentials);
  }

  /** How often each of `user-0` to `user-<people - 1>` got the message. */
  async counts(people: number): Promise<number[]> {
    const counts: number[] = [];
    while (counts.length < people) {
      this.process.send({ first: counts.length, count: Math.min(PAGE, people - counts.length) });
      const [page] = (await once(this.process, 'message')) as [number[]];
      for (const count of page) counts.push(count);
    }
    return counts;
  }

  async stop(): Promise<void> {
    this.process.disconnect();
    await once(this.process, 'exit');
  }
}
