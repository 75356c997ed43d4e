import type { Socket } from 'node:net';

/** Timers that belong to a connection: they end with it, and none outlives the emulator. */
export class EmulatorTimers {
  readonly #stops = new Set<() => void>();

  /** Runs `task` once, `ms` milliseconds from now, unless the connection is closed by then. */
  after(ms: number, socket: Socket, task: () => void): void {
    if (socket.destroyed) return;
    const timer = setTimeout(() => {
      stop();
      task();
    }, ms);
    const stop = this.#bind(socket, () => clearTimeout(timer));
  }

  /** Runs `task` every `ms` milliseconds until the connection closes. */
  every(ms: number, socket: Socket, task: () => void): void {
    if (socket.destroyed) return;
    const timer = setInterval(task, ms);
    this.#bind(socket, () => clearInterval(timer));
  }

  close(): void {
    for (const stop of this.#stops) stop();
  }

  #bind(socket: Socket, cancel: () => void): () => void {
    const stop = (): void => {
      cancel();
      socket.off('close', stop);
      this.#stops.delete(stop);
    };
    socket.once('close', stop);
    this.#stops.add(stop);
    return stop;
  }
}
