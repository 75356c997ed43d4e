import type { MimcError } from '../index.js';
import type { RecordingMimcPushService } from './recording-push.service.js';

/** The calls of a recording service that is made on a recording push service, and how the next ones fail. */
export class CallRecorder<C> {
  readonly calls: C[] = [];
  readonly #failures: MimcError[] = [];

  constructor(private readonly push: RecordingMimcPushService) {}

  failNext(error: MimcError): void {
    this.#failures.push(error);
  }

  clear(): void {
    this.calls.length = 0;
    this.#failures.length = 0;
  }

  /**
   * Makes a call and records it if it is valid: it then comes to the push service before `make` returns, so that it is
   * recorded even if nobody awaits it.
   */
  record<T>(recorded: () => C, make: () => Promise<T>): Promise<T> {
    this.push.onOther = () => {
      this.calls.push(recorded());
      return this.#failures.shift();
    };
    try {
      return make();
    } finally {
      this.push.onOther = undefined;
    }
  }
}
