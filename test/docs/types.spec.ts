import { rmSync } from 'node:fs';
import { relative } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import ts from 'typescript';
import { BLOCKS, writeBlocks } from './support/blocks.js';
import type { Fence } from './support/markdown.js';

describe('The TypeScript in the pages', () => {
  let fences: Fence[];

  beforeAll(() => {
    fences = writeBlocks();
  });

  afterAll(() => rmSync(BLOCKS, { recursive: true }));

  it('compiles against the sources of the library, with the options of the project', () => {
    expect(fences.length).toBeGreaterThan(20);
    expect(mistakesIn(`${BLOCKS}/tsconfig.json`)).toEqual([]);
  });
});

function mistakesIn(project: string): string[] {
  const { config } = ts.readConfigFile(project, (path) => ts.sys.readFile(path));
  const { options, fileNames, errors } = ts.parseJsonConfigFileContent(config, ts.sys, BLOCKS);
  const program = ts.createProgram(fileNames, options);
  return [...errors, ...ts.getPreEmitDiagnostics(program)].map(({ file, start = 0, messageText }) => {
    const at = file && file.getLineAndCharacterOfPosition(start).line + 1;
    return `${file ? relative(BLOCKS, file.fileName) : ''}:${at}: ${ts.flattenDiagnosticMessageText(messageText, '\n')}`;
  });
}
