import type { AddressInfo } from 'node:net';
import type { NestExpressApplication } from '@nestjs/platform-express';
import { MimcEmulator } from 'nestjs-mimc/testing';
import request from 'supertest';
import { createApp as createConsole } from '../../apps/console/src/app.factory.js';
import { readConsoleSettings } from '../../apps/console/src/settings.js';
import { createApp } from '../../apps/sample-api/src/app.factory.js';
import { DEMO_KEY, readSettings } from '../../apps/sample-api/src/settings.js';

/** The sample API in demo mode on a free port, with its emulator. */
export interface SampleApp {
  app: NestExpressApplication;
  emulator: MimcEmulator;
  url: string;
  /** Sends a body as JSON, or a text as it is, with the demo key. */
  post(path: string, body: object | string): request.Test;
  get(path: string): request.Test;
  close(): Promise<void>;
}

/** Starts it with these variables in place of all that begin with `MIMC_`; the environment is restored at once. */
export function startDemo(variables: Record<string, string> = {}): Promise<SampleApp> {
  return startWith(variables, () => createApp(readSettings({}), { logger: false }));
}

/** As {@link startDemo}, the console. */
export function startConsole(variables: Record<string, string> = {}): Promise<SampleApp> {
  return startWith(variables, () => createConsole(readConsoleSettings({}), { logger: false }));
}

async function startWith(
  variables: Record<string, string>,
  create: () => Promise<NestExpressApplication>,
): Promise<SampleApp> {
  const app = await withMimcEnv(variables, create);
  return { ...(await listen(app)), emulator: app.get(MimcEmulator, { strict: false }) };
}

/** Starts an application on a free port. */
export async function listen(app: NestExpressApplication, key = DEMO_KEY): Promise<Omit<SampleApp, 'emulator'>> {
  await app.listen(0, '127.0.0.1');
  const { port } = app.getHttpServer().address() as AddressInfo;
  const url = `http://127.0.0.1:${port}`;
  return {
    app,
    url,
    post: (path, body) =>
      request(url).post(path).auth(key, { type: 'bearer' }).set('Content-Type', 'application/json').send(body),
    get: (path) => request(url).get(path),
    close: () => app.close(),
  };
}

/** Runs `action` with only these variables of those that begin with `MIMC_`. */
export async function withMimcEnv<T>(variables: Record<string, string>, action: () => Promise<T>): Promise<T> {
  const before = { ...process.env };
  for (const name of Object.keys(process.env)) if (name.startsWith('MIMC_')) delete process.env[name];
  Object.assign(process.env, variables);
  try {
    return await action();
  } finally {
    for (const name of Object.keys(variables)) delete process.env[name];
    Object.assign(process.env, before);
  }
}
