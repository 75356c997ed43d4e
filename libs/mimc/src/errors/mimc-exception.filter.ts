import { ArgumentsHost, Catch, ExceptionFilter, Inject, Injectable, Optional } from '@nestjs/common';
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
 * {@link mimcErrorTable}. Use this or {@link MimcErrorInterceptor}; both give the same answer. RPC and GraphQL contexts
 * are left to Nest's own handling; a WebSocket gets the `exception` event that Nest would send, with the body as data.
 *
 * @example
 * app.useGlobalFilters(new MimcExceptionFilter());
 */
@Injectable()
@Catch(MimcError)
export class MimcExceptionFilter implements ExceptionFilter<MimcError> {
  constructor(@Optional() @Inject(MIMC_ERROR_TABLE) private readonly table?: Partial<MimcErrorTable>) {}

  catch(error: MimcError, host: ArgumentsHost): void {
    if (host.getType() === 'ws') return this.#emit(error, host);
    if (host.getType() !== 'http') return;
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
