import { fileURLToPath } from 'node:url';
import { describe, expect, it } from '@jest/globals';
import ts from 'typescript';

const strict = fileURLToPath(new URL('../../scripts/consumers/strict', import.meta.url));

describe('The types of the package', () => {
  it('let an application give undefined and readonly lists under every strict flag', () => {
    const { config } = ts.readConfigFile(`${strict}/tsconfig.json`, (path) => ts.sys.readFile(path));
    const { options, fileNames, errors } = ts.parseJsonConfigFileContent(config, ts.sys, strict);
    const program = ts.createProgram(fileNames, options);
    const found = fileNames.flatMap((name) => program.getSemanticDiagnostics(program.getSourceFile(name)));
    const messages = [...errors, ...found].map(({ messageText }) => ts.flattenDiagnosticMessageText(messageText, '\n'));
    expect(messages).toEqual([]);
    expect(fileNames).toHaveLength(2);
    expect(options).toMatchObject({ strict: true, exactOptionalPropertyTypes: true });
  });
});
