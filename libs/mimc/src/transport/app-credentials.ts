/** The two secrets of a MIMC application. */
export interface MimcAppSecrets {
  /** The application's key, as the console shows it. */
  appKey: string;
  /** The application's secret, as the console shows it. */
  appSecret: string;
}

/** One set of credentials, where neither `inspect` nor `JSON.stringify` sees it. It never changes: another set is another object. */
export class AppCredentials {
  readonly #appKey: string;
  readonly #appSecret: string;
  readonly #bodyHead: string;

  constructor(appId: string, { appKey, appSecret }: MimcAppSecrets) {
    this.#appKey = appKey;
    this.#appSecret = appSecret;
    this.#bodyHead = JSON.stringify({ appId, appKey, appSecret }).slice(0, -1);
  }

  /** The first three fields of every body, up to where the next one follows. */
  bodyHead(): string {
    return this.#bodyHead;
  }

  /** Those of a request that has the credentials there. */
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
