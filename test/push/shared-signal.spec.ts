import { getEventListeners } from 'node:events';
import { afterEach, beforeEach, expect, it } from '@jest/globals';
import { MimcEmulator } from 'nestjs-mimc/testing';
import { eventually } from '../support/eventually.js';
import { bootPush, errorOf, type PushApp } from '../support/push-app.js';

let mimc: MimcEmulator;
let apps: PushApp[];

beforeEach(async () => {
  mimc = await MimcEmulator.start();
  apps = await Promise.all([1, 2, 3].map(() => bootPush({ ...mimc.credentials, baseUrl: mimc.url })));
});
afterEach(async () => {
  for (const app of apps) await app.close();
  await mimc.close();
});

it('a signal that calls of several modules share has one listener, and none when they are over', async () => {
  mimc.failNext({ kind: 'hang' }, 12);
  const controller = new AbortController();
  const { signal } = controller;
  const calls = apps.flatMap(({ push }) =>
    [1, 2, 3, 4].map(() => errorOf(push.toAccount({ toAccount: 'alice', msg: 'hello' }, { signal }))),
  );
  await eventually(() => expect(mimc.requests).toHaveLength(12));
  expect(getEventListeners(signal, 'abort')).toHaveLength(1);
  controller.abort();
  const errors = await Promise.all(calls);
  expect(errors.map(({ code }) => code)).toEqual(calls.map(() => 'MIMC_ABORTED'));
  expect(getEventListeners(signal, 'abort')).toHaveLength(0);
});
