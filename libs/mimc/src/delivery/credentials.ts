import { notSent } from '../errors/mimc-error.js';
import { createRedactor, Redactor } from '../errors/redact.js';
import type { RequestCredentials } from '../transport/mimc-transport.js';
import { CredentialsSource, type MimcAppSecrets } from './credentials-source.js';

/** How many sets of credentials the redactor knows: replies to calls that were sent with earlier ones may repeat those. */
const MAX_KNOWN = 16;

/** Where the credentials of a module come from: fixed ones, or the function to call. */
export type CredentialsOption = MimcAppSecrets | (() => unknown);

/** One set of credentials, where neither `inspect` nor `JSON.stringify` sees it. It never changes: another set is another object. */
export class AppCredentials implements RequestCredentials {
  readonly #appKey: string;
  readonly #appSecret: string;
  readonly #bodyHead: string;

  constructor(appId: string, { appKey, appSecret }: MimcAppSecrets) {
    this.#appKey = appKey;
    this.#appSecret = appSecret;
    this.#bodyHead = JSON.stringify({ appId, appKey, appSecret }).slice(0, -1);
  }

  bodyHead(): string {
    return this.#bodyHead;
  }

  headers(): Readonly<Record<string, string>> {
    return { appKey: this.#appKey, appSecret: this.#appSecret };
  }

  /** What must not be shown. */
  secrets(): string[] {
    return [this.#appKey, this.#appSecret];
  }

  has({ appKey, appSecret }: MimcAppSecrets): boolean {
    return this.#appKey === appKey && this.#appSecret === appSecret;
  }
}

/** The credentials of a module: which ones are in use, and which ones were. */
export class MimcCredentials {
  readonly #appId: string;
  readonly #otherSecrets: readonly string[];
  readonly #source: CredentialsSource | undefined;
  /** The latest first. */
  #known: AppCredentials[] = [];
  #redactor: Redactor;
  #asking: Promise<boolean> | undefined;
  #next: Promise<boolean> | undefined;

  /** @param otherSecrets what else must not be shown */
  constructor(appId: string, given: CredentialsOption, otherSecrets: readonly string[] = []) {
    this.#appId = appId;
    this.#otherSecrets = otherSecrets;
    this.#redactor = createRedactor(otherSecrets);
    if (typeof given === 'function') this.#source = new CredentialsSource(given);
    else this.#use(given);
  }

  /** Removes the secrets of the module from a text, those that were in use before too. */
  readonly redact: Redactor = (text) => this.#redactor(text);

  /** Those that are in use. Requests are sent only after {@link load}. */
  get current(): AppCredentials {
    const [latest] = this.#known;
    if (latest === undefined) throw notSent('MIMC_CONFIG', 'MimcModule options: credentials have not been loaded');
    return latest;
  }

  /** Whether there is a function that may return others. */
  get canChange(): boolean {
    return this.#source !== undefined;
  }

  /**
   * Calls the function at boot, if there is one.
   *
   * @throws MimcError `MIMC_CONFIG`
   */
  async load(): Promise<void> {
    if (this.#source !== undefined) await this.refresh();
  }

  /**
   * Calls the function. Callers that come while it is called share the call after that one, so that the answer is never
   * older than the question.
   *
   * @returns whether it returned others than those in use
   * @throws MimcError `MIMC_CONFIG` when there is no such function, or what it did was wrong; `MIMC_CLOSED`
   */
  refresh(): Promise<boolean> {
    if (this.#next !== undefined) return this.#next;
    if (this.#asking === undefined) return this.#ask();
    const askNext = () => this.#askNext();
    this.#next = this.#asking.then(askNext, askNext);
    return this.#next;
  }

  /** Ends the call of the function that is in progress. */
  close(): void {
    this.#source?.close();
  }

  #askNext(): Promise<boolean> {
    this.#next = undefined;
    return this.#ask();
  }

  #ask(): Promise<boolean> {
    const asking = this.#change().finally(() => (this.#asking = undefined));
    this.#asking = asking;
    return asking;
  }

  async #change(): Promise<boolean> {
    if (this.#source === undefined) {
      throw notSent('MIMC_CONFIG', 'MimcModule options: credentials must be a function to be refreshed');
    }
    const secrets = await this.#source.ask();
    const [current] = this.#known;
    if (current?.has(secrets)) return false;
    this.#use(secrets);
    return true;
  }

  #use(secrets: MimcAppSecrets): void {
    const others = this.#known.filter((known) => !known.has(secrets));
    this.#known = [new AppCredentials(this.#appId, secrets), ...others].slice(0, MAX_KNOWN);
    const all = this.#known.flatMap((known) => known.secrets());
    this.#redactor = createRedactor([...all, ...this.#otherSecrets]);
  }
}
