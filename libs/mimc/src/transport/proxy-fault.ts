/** The failure of a tunnel through the proxy of the module, whose user and password it does not hold. */
export class ProxyFault extends Error {
  constructor(
    /** Scheme, host and port. */
    readonly proxy: string,
    /** What it answered to `CONNECT`, if it answered with anything but 200. */
    readonly status: number | undefined,
    reason: string,
  ) {
    super(`The proxy ${proxy} ${reason}`);
  }
}
