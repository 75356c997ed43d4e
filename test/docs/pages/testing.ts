import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { EMULATOR_CREDENTIALS } from 'nestjs-mimc/testing';
import { BLOCKS } from '../support/blocks.js';
import { buildPackage, withBuiltBin } from '../support/package.js';
import { reusablePort } from '../../support/ports.js';
import { PageUnderTest } from '../support/scenario.js';
import { run, session, Shell, steady } from '../support/shell.js';

const page = new PageUnderTest('docs/testing.md');

page.test("describe('a lost answer'");
page.test("it('never exceeds the quota'");
page.test("it('takes the place of the real service'");
page.test("it('does not claim what it does not know'");

describe('docs/testing.md', () => {
  const start = page.ts<{ options: object; stop: () => Promise<void> }>('export const options');
  const rules = page.ts('seed: 42');
  const help = page.fence('console', 'mimc-emulator --help');
  const vendor = page.fence('console', 'curl http://127.0.0.1:8085/api/push/p2p/ ');

  beforeAll(() => buildPackage());

  it('starts and stops an emulator as shown', async () => {
    const { options, stop } = await start();
    expect(options).toEqual({ ...EMULATOR_CREDENTIALS, baseUrl: expect.stringMatching(/^http:/), fromAccount: 'shop' });
    await stop();
  });

  it('sets up chaos and a rule as shown', async () => {
    await expect(rules()).resolves.toBeDefined();
  });

  it('prints the help that is shown', async () => {
    const [shown] = session(help);
    expect((await run(withBuiltBin(shown?.command ?? ''), { cwd: BLOCKS })).trim()).toBe(shown?.output);
  });

  describe('from the command line', () => {
    let emulator: Shell;
    let swap: (command: string) => string;

    beforeAll(async () => {
      const port = await reusablePort();
      swap = (command) => withBuiltBin(command).replaceAll('8085', `${port}`);
      emulator = new Shell(`exec ${swap(session(vendor)[0]?.command ?? '')}`, { cwd: BLOCKS });
      await emulator.until('Ctrl+C stops it');
    });
    afterAll(() => emulator.stop());

    it.each(session(vendor).slice(1))(
      "answers the vendor's requests as shown: $command",
      async ({ command, output }) => {
        expect(steady(await run(swap(command).replace('curl ', 'curl -s ')))).toBe(steady(output));
      },
    );
  });
});
