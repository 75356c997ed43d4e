import { ServiceUnavailableException } from '@nestjs/common';
import { Observable } from 'rxjs';

/** At most `max` event streams at a time. */
export class StreamSlots {
  #open = 0;

  constructor(private readonly max: number) {}

  get open(): number {
    return this.#open;
  }

  /** The stream, which holds a slot while it is subscribed to. Fails with 503 when no slot is free. */
  hold<T>(stream: Observable<T>): Observable<T> {
    return new Observable<T>((subscriber) => {
      if (this.#open >= this.max) {
        subscriber.error(new ServiceUnavailableException(`Too many event streams (limit ${this.max})`));
        return;
      }
      this.#open++;
      subscriber.add(() => this.#open--);
      subscriber.add(stream.subscribe(subscriber));
    });
  }
}
