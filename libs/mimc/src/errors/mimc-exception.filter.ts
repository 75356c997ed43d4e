import { ArgumentsHost, Catch, ExceptionFilter, Inject, Injectable, Optional } from '@nestjs/common';
import { throwError } from 'rxjs';
import { MIMC_ERROR_TABLE, mimcErrorBody, MimcErrorTable, toHttpException } from './error-table.js';
import { MimcError } from './mimc-error.js';
import { HeaderSink, setRetryAfter } from './mimc-error.interceptor.js';

/** What an Express response and a Fastify reply share. */
interface HttpAnswer extends HeaderSink {
  status(code: number): this;
  send(body: unknown): unknown;
  /** Express */
  end?(): unknown;
  /** Fastify */
  raw?: { end(): unknown };
}

/**
 * Answers a {@link MimcError} from anywhere in an HTTP request (guards and pipes too) as the Nest exception of
 * {@link mimcErrorTable}. Use this or {@link MimcErrorInterceptor}; both give the same answer. In the other contexts:
 * - RPC (`@nestjs/microservices`): the caller gets `{ status: 'error', ...error.toJSON() }`, of which
 *   {@link MimcError.fromJSON} makes the error again.
 * - GraphQL: the resolver fails with the Nest exception, which `@nestjs/graphql` turns into a GraphQL error.
 * - WebSocket: the `exception` event that Nest would send, with the body as data.
 *
 * It cannot answer an error of a stream (SSE) whose headers are out: {@link MimcErrorInterceptor} can.
 *
 * @example
 * app.useGlobalFilters(new MimcExceptionFilter());
 */
@Injectable()
@Catch(MimcError)
export class MimcExceptionFilter implements ExceptionFilter<MimcError> {
  constructor(@Optional() @Inject(MIMC_ERROR_TABLE) private readonly table?: Partial<MimcErrorTable>) {}

  catch(error: MimcError, host: ArgumentsHost): unknown {
    switch (host.getType<string>()) {
      case 'http':
        return this.#answer(error, host);
      case 'ws':
        return this.#emit(error, host);
      case 'rpc':
        // Nest's RPC handler sends what the returned observable fails with, and for an Error "Internal server error".
        return throwError(() => ({ status: 'error', ...error.toJSON() }));
      default:
        // An Error that is returned to GraphQL is the failure of the resolver.
        return toHttpException(error, this.table);
    }
  }

  #answer(error: MimcError, host: ArgumentsHost): void {
    const answer = host.switchToHttp().getResponse<HttpAnswer>();
    if (answer.headersSent || answer.sent) {
      (answer.raw ?? answer).end?.();
      return;
    }
    const exception = toHttpException(error, this.table);
    const body = exception.getResponse();
    setRetryAfter(answer, error);
    answer
      .status(exception.getStatus())
      .send(typeof body === 'string' ? { statusCode: exception.getStatus(), message: body } : body);
  }

  /** Nest's WebSocket handler takes an error for answered once a filter has matched. */
  #emit(error: MimcError, host: ArgumentsHost): void {
    const client = host.switchToWs().getClient<{ emit?(event: string, data: unknown): void }>();
    client.emit?.('exception', {
      status: 'error',
      ...mimcErrorBody(error, toHttpException(error, this.table).getStatus()),
    });
  }
}
