import type { ServerResponse } from 'node:http';
import { createParamDecorator, ExecutionContext } from '@nestjs/common';

/** How long a client may leave sent bytes unread, in milliseconds. */
const PATIENCE_MS = 30_000;

/** Called before each event of a stream: whether the client has read the earlier ones. */
export type KeepsUp = () => boolean;

/** A {@link KeepsUp} of the request's client. */
export const ClientKeepsUp = createParamDecorator((_data: unknown, context: ExecutionContext) =>
  keepsUp(context.switchToHttp().getResponse<ServerResponse>()),
);

/**
 * Nothing piles up for a slow client: it gets the next event once it has read all bytes of the last one. A client that
 * stops reading is disconnected.
 */
export function keepsUp(response: ServerResponse, patienceMs = PATIENCE_MS): KeepsUp {
  let takenAt = performance.now();
  return () => {
    const now = performance.now();
    if (response.writableLength === 0) {
      takenAt = now;
      return true;
    }
    if (now - takenAt > patienceMs) response.destroy();
    return false;
  };
}
