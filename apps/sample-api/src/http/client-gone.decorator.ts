import type { ServerResponse } from 'node:http';
import { createParamDecorator, ExecutionContext } from '@nestjs/common';

/** An `AbortSignal` that aborts when the client hangs up before it has its answer. */
export const ClientGone = createParamDecorator((_data: unknown, context: ExecutionContext) =>
  abortWhenGone(context.switchToHttp().getResponse<ServerResponse>()),
);

/**
 * The response is watched, not the request, which closes as soon as its body is read. A push that still waits for quota
 * is then given up; one that is dispatched already may arrive all the same.
 */
export function abortWhenGone(response: ServerResponse): AbortSignal {
  const gone = new AbortController();
  const abort = () => {
    if (!response.writableFinished) gone.abort();
  };
  if (response.destroyed) abort();
  else response.once('close', abort);
  return gone.signal;
}
