import { describe, expect, it } from '@jest/globals';
import { commandsOf, unknownScripts } from '../support/package.js';
import { PageUnderTest } from '../support/scenario.js';

const page = new PageUnderTest('CONTRIBUTING.md');

describe('CONTRIBUTING.md', () => {
  const commands = page.fence('sh', 'npm ci');

  it('names scripts that exist', () => {
    // Not run: this is a run of `npm test`.
    expect(unknownScripts(commandsOf(commands))).toEqual([]);
  });
});
