import { describe, expect, it } from '@jest/globals';
import { commandsOf, unknownScripts } from '../support/package.js';
import { PageUnderTest } from '../support/scenario.js';

const page = new PageUnderTest('apps/sample-api/README.md');

describe('apps/sample-api/README.md', () => {
  const commands = page.fence('sh', 'start:sample');

  it('names a script that exists', () => {
    // Not run: test/processes starts it.
    expect(unknownScripts(commandsOf(commands))).toEqual([]);
  });
});
