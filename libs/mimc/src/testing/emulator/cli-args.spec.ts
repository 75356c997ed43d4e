import { describe, expect, it } from '@jest/globals';
import { curlExample, readCliArgs } from './cli-args.js';

describe('the command line', () => {
  const plain = { credentials: {}, errorStatus: 'ok', ledger: 'counts' };
  it.each([
    ['', plain],
    ['--port 8085', { ...plain, port: 8085 }],
    ['--host ::1 --mirror-status', { ...plain, host: '::1', errorStatus: 'mirror' }],
    ['--quota', { ...plain, quota: true }],
    ['--quota --port 1', { ...plain, quota: true, port: 1 }],
    ['--quota accounts=5,topics=2', { ...plain, quota: { accountsPerSecond: 5, topicsPerSecond: 2 } }],
    ['--quota unlimitedTopics=3', { ...plain, quota: { unlimitedTopicsPerSecond: 3 } }],
    ['--quota=topics=2', { ...plain, quota: { topicsPerSecond: 2 } }],
    ['--callback-url http://127.0.0.1:3000/x', { ...plain, callbackUrl: 'http://127.0.0.1:3000/x' }],
    ['--app-id 1 --app-key 2 --app-secret 3', { ...plain, credentials: { appId: '1', appKey: '2', appSecret: '3' } }],
  ])('reads %j', (line, options) => {
    expect(readCliArgs(line.split(' ').filter(Boolean))).toEqual({ run: 'start', options, quiet: false });
  });

  it('can be quiet', () => {
    expect(readCliArgs(['--quiet'])).toEqual({ run: 'start', options: plain, quiet: true });
  });

  it('shows its help', () => {
    expect(readCliArgs(['--help'])).toEqual({ run: 'help' });
  });

  it.each([
    ['--bogus', '--bogus'],
    ['word', 'word'],
    ['--port', '--port'],
    ['--port x', '--port takes a whole number'],
    ['--port -1', '--port'],
    ['--quota accounts', '--quota accounts takes a whole number'],
    ['--quota users=1', '--quota takes accounts=N,topics=N'],
  ])('refuses %j', (line, complaint) => {
    expect(() => readCliArgs(line.split(' '))).toThrow(complaint);
  });

  it('offers a curl line that survives a quote in a secret', () => {
    const line = curlExample('http://127.0.0.1:1', { appId: '1', appKey: '2', appSecret: "it's" });
    expect(line).toContain(String.raw`"appSecret":"it'\''s"`);
  });
});
