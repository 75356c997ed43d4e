import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { TestEnvironment } from 'jest-environment-node';

/** Gives each suite, and the processes that it starts, a temporary folder of its own, which goes with it. */
export default class IsolatedEnvironment extends TestEnvironment {
  #before;
  #folder;

  constructor(config, context) {
    const before = tmpdir();
    // os.tmpdir() reads the variable of the real process; a test can only change its copy.
    process.env.TMPDIR = mkdtempSync(join(before, 'suite-'));
    super(config, context);
    this.#before = before;
    this.#folder = process.env.TMPDIR;
  }

  async teardown() {
    await super.teardown();
    process.env.TMPDIR = this.#before;
    rmSync(this.#folder, { recursive: true, force: true, maxRetries: 5 });
  }
}
