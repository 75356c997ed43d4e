import { subscribe, tracingChannel, unsubscribe } from 'node:diagnostics_channel';
import { inspect } from 'node:util';
import { formsOf, secrets } from '../../support/push-app.js';
import { PRIVATE } from './chaos-calls.js';

/** The secrets in each form in which a server may echo a body. */
const SECRETS = [secrets.appKey, secrets.appSecret].flatMap((secret) => [
  secret,
  secret.replaceAll('/', String.raw`\/`),
  encodeURIComponent(secret),
]);

/** Looks for credentials, accounts and messages in everything that the library lets out. */
export class LeakWatch {
  /** What leaked, by where it did. */
  readonly leaks = new Set<string>();
  /** Calls and attempts that ended, by the events. */
  readonly ended = { calls: 0, attempts: 0 };
  readonly #stops: (() => void)[] = [];

  /** Subscribes to every diagnostics channel of the library. */
  constructor() {
    this.#trace('mimc:call', () => (this.ended.calls += 1));
    this.#trace('mimc:attempt', () => (this.ended.attempts += 1));
    for (const name of ['mimc:throttled', 'mimc:retry']) {
      const listen = (event: unknown) => this.#event(name, event);
      subscribe(name, listen);
      this.#stops.push(() => unsubscribe(name, listen));
    }
  }

  stop(): void {
    for (const stop of this.#stops) stop();
  }

  /** An error that a caller got: no credentials, in whatever form it is shown. */
  error(error: unknown): void {
    this.#noSecrets('an error', formsOf(error));
  }

  /** A line of the log, or what goes to telemetry: no credentials, accounts or messages. */
  text(where: string, text: string): void {
    this.#noSecrets(where, text);
    if (PRIVATE.test(text)) this.leaks.add(`an account or a message in ${where}`);
  }

  #trace(name: string, ended: () => void): void {
    const channel = tracingChannel(name);
    const look = (event: unknown) => this.#event(name, event);
    const lookLast = (event: unknown) => {
      look(event);
      ended();
    };
    const listeners = { start: look, end: look, error: look, asyncStart: look, asyncEnd: lookLast };
    channel.subscribe(listeners);
    this.#stops.push(() => channel.unsubscribe(listeners));
  }

  #event(name: string, event: unknown): void {
    this.text(name, inspect(event, { depth: 20, showHidden: true, maxArrayLength: null, maxStringLength: null }));
  }

  #noSecrets(where: string, text: string): void {
    if (SECRETS.some((secret) => text.includes(secret))) this.leaks.add(`a secret in ${where}`);
  }
}
