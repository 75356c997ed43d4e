import type { Server, ServerResponse } from 'node:http';
import { RequestMethod } from '@nestjs/common';
import type { ApplicationConfig, HttpAdapterHost } from '@nestjs/core';
import { errorName } from '../internals.js';
import type { CallbackSettings } from './callback-options.js';
import type { CallbackReceiver } from './callback-receiver.js';
import { CallbackRefusal } from './refusal.js';
import { RefusalLog } from './refusal-log.js';
import { type CallbackRequest, readFields } from './request-body.js';

type Next = (error?: unknown) => void;

/**
 * The route of the callbacks: a middleware that runs before everything else, including the body parsers and guards of the
 * application. It uses only what Express and Fastify share: the request and response of Node.js.
 */
export class CallbackRoute {
  readonly #settings: CallbackSettings;
  readonly #receiver: CallbackReceiver;
  readonly #config: ApplicationConfig;
  #host: HttpAdapterHost | undefined;
  readonly #refusals = new RefusalLog();

  constructor(settings: CallbackSettings, receiver: CallbackReceiver, config: ApplicationConfig) {
    this.#settings = settings;
    this.#receiver = receiver;
    this.#config = config;
  }

  /** Registers the route as soon as there is an adapter: now, or when a `TestingModule` creates its application. */
  register(host: HttpAdapterHost): void {
    this.#host = host;
    const use = () => void host.httpAdapter.use(this.#serve);
    if (host.httpAdapter) use();
    else host.init$.subscribe(use);
  }

  readonly #serve = (request: CallbackRequest, response: ServerResponse, next: Next): void => {
    const [path = ''] = (request.url ?? '').split('?', 1);
    if (path.replace(/\/$/, '') === this.#path()) void this.#answer(request, response, next);
    else next();
  };

  /** Computed for each request, because the prefix is set after the module was created. */
  #path(): string {
    const { path } = this.#settings;
    const { exclude = [] } = this.#config.getGlobalPrefixOptions();
    const isExcluded = exclude.some(
      ({ pathRegex, requestMethod }) => METHODS.has(requestMethod) && pathRegex.test(`/${path}`),
    );
    const prefix = isExcluded ? '' : this.#config.getGlobalPrefix().replaceAll(/^\/+|\/+$/g, '');
    return prefix === '' ? `/${path}` : `/${prefix}/${path}`;
  }

  async #answer(request: CallbackRequest, response: ServerResponse, next: Next): Promise<void> {
    // Without a listener, the error of a disconnected client would end the process.
    response.on('error', () => {});
    try {
      if (request.method !== 'POST') throw new CallbackRefusal(405, 'only POST is supported');
      const fields = await readFields(request, this.#settings.maxBodyBytes);
      if (fields === undefined) return;
      await this.#receiver.receive(fields);
      this.#end(response, 200);
    } catch (error) {
      this.#refuse(request, response, error instanceof CallbackRefusal ? error : unexpected(error), next);
    }
  }

  #refuse(request: CallbackRequest, response: ServerResponse, refusal: CallbackRefusal, next: Next): void {
    // Reads the rest of the body, so that the connection can be reused.
    request.resume();
    this.#end(response, refusal.status, refusal.message);
    try {
      this.#refusals.log(refusal);
    } catch (error) {
      // The logger belongs to the application, and may throw.
      next(error);
    }
  }

  #end(response: ServerResponse, status: number, reason?: string): void {
    if (response.headersSent || response.destroyed) return;
    const server = this.#host?.httpAdapter.getHttpServer() as Server | undefined;
    const body = reason === undefined ? '' : JSON.stringify({ statusCode: status, message: reason });
    response.writeHead(status, {
      'content-length': Buffer.byteLength(body),
      'cache-control': 'no-store',
      ...(body !== '' && { 'content-type': 'application/json; charset=utf-8' }),
      ...(status === 405 && { allow: 'POST' }),
      // While shutting down, a kept-alive connection would keep the process alive.
      ...(server?.listening === false && response.req.httpVersionMajor === 1 && { connection: 'close' }),
    });
    response.end(body);
  }
}

function unexpected(error: unknown): CallbackRefusal {
  return new CallbackRefusal(500, 'the callback failed', `it failed unexpectedly (${errorName(error)})`);
}

/** The methods whose exclusions from the prefix apply to POST; Nest uses -1 for all methods too. */
const METHODS: ReadonlySet<number> = new Set([RequestMethod.ALL, RequestMethod.POST, -1]);
