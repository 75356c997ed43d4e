/** The proxy of a module. Neither `inspect` nor `JSON.stringify` sees its user and password. */
export class ProxyServer {
  /** Scheme, host and port. */
  readonly origin: string;
  /** Hosts that are reached without it, as `NO_PROXY` lists them. */
  readonly noProxy: string;
  readonly #user: string;
  readonly #password: string;

  /** @param url of which {@link proxyUrl} approves */
  constructor(url: URL, noProxy = '') {
    this.origin = url.origin;
    this.noProxy = noProxy;
    this.#user = decodeURIComponent(url.username);
    this.#password = decodeURIComponent(url.password);
  }

  /** The value of `Proxy-Authorization`, if it has a user or a password. */
  authorization(): string | undefined {
    if (this.#user === '' && this.#password === '') return undefined;
    return `Basic ${this.#basic()}`;
  }

  /** What must not be shown. */
  secrets(): string[] {
    return this.authorization() === undefined ? [] : [this.#password, this.#basic()];
  }

  #basic(): string {
    return Buffer.from(`${this.#user}:${this.#password}`).toString('base64');
  }
}

/** An http or https URL of nothing but a host, port, user and password; without a scheme, as curl takes it, http. */
export function proxyUrl(text: string): URL | undefined {
  const full = /^[a-z][a-z\d+.-]*:\/\//i.test(text) ? text : `http://${text}`;
  if (!URL.canParse(full)) return undefined;
  const url = new URL(full);
  const { protocol, pathname, search, hash, username, password } = url;
  const isBare = pathname === '/' && search === '' && hash === '';
  return isBare && /^https?:$/.test(protocol) && isDecodable(username + password) ? url : undefined;
}

function isDecodable(text: string): boolean {
  try {
    decodeURIComponent(text);
    return true;
  } catch {
    return false;
  }
}
