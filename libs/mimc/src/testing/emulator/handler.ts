import type { IncomingMessage, ServerResponse } from 'node:http';
import { performance } from 'node:perf_hooks';
import { refusal, type EmulatorAnswer } from './answer.js';
import { readBytes } from './body.js';
import type { EmulatedPushApi, Handling, Judgement } from './push-api.js';
import type { EmulatedTokenApi } from './token-api.js';
import type { EmulatedTopicApi } from './topic-api.js';
import {
  isPush,
  routeOf,
  type EmulatorEndpoint,
  type EmulatorRoute,
  type EmulatorTopicEndpoint,
  type NoRoute,
} from './endpoint.js';
import { acceptsUnder, type EmulatorFault } from './faults.js';
import type { EmulatedRequest, EmulatorLedger } from './ledger.js';
import { play } from './respond.js';
import { readBody } from './request.js';
import type { FaultQueue, FaultDraw } from './fault-queue.js';
import type { EmulatorTimers } from './timers.js';

/** Largest body that is looked at, in bytes; a larger one is answered with HTTP 413 (emulator-defined). */
const MAX_BODY_BYTES = 16 * 1024 * 1024;

/** What the handler works with; the emulator owns them. */
export interface HandlerParts {
  readonly errorStatus: 'ok' | 'mirror';
  readonly ledger: EmulatorLedger;
  readonly pushApi: EmulatedPushApi;
  readonly tokenApi: EmulatedTokenApi;
  readonly topicApi: EmulatedTopicApi;
  readonly script: FaultQueue;
  readonly timers: EmulatorTimers;
}

type OpenRecord = { -readonly [K in keyof EmulatedRequest]: EmulatedRequest[K] };

/** Takes HTTP requests through their stations: fault drawn, body read, recorded, judged, answered. */
export class EmulatorHandler {
  constructor(readonly parts: HandlerParts) {}

  /** Node calls this when a request's headers are there. */
  receive(request: IncomingMessage, response: ServerResponse): void {
    // Writing to a client that is gone is not an error here: clients under test do leave.
    response.on('error', () => {});
    const route = routeOf(request.method ?? '', request.url ?? '');
    const aborted = (): void => this.parts.ledger.tally('aborted');
    if (!isRoute(route)) {
      const read = (bytes?: Buffer): void => this.#refuseRoute(request, response, route, bytes);
      return readBytes(request, MAX_BODY_BYTES, { read, aborted });
    }
    const draw = this.parts.script.draw();
    if (draw.early?.kind === 'reset' && draw.early.when === 'before-read') {
      this.#record(request, response, route.endpoint, '').fault = 'reset';
      this.parts.ledger.tally('faulted');
      request.socket.resetAndDestroy();
      return;
    }
    const read = (bytes?: Buffer): void => this.#serve(request, response, { route, draw, bytes });
    readBytes(request, MAX_BODY_BYTES, { read, aborted });
  }

  #serve(request: IncomingMessage, response: ServerResponse, { route, draw, bytes }: ReadRequest): void {
    const rawBody = bytes?.toString() ?? '';
    const record = this.#record(request, response, route.endpoint, rawBody);
    const parsed = this.#parse(request, bytes, rawBody);
    record.body = parsed.body;
    const fault = draw.late(record);
    const { answer, accepted } = this.#judge(route, parsed, record, fault);
    record.accepted = accepted;
    if (fault) {
      record.fault = fault.kind;
      this.parts.ledger.tally('faulted');
    }
    this.#answer(response, record, answer, fault);
  }

  #parse(request: IncomingMessage, bytes: Buffer | undefined, text: string): Parsed {
    if (bytes === undefined)
      return { body: undefined, wrong: this.#refusal(413, `body exceeds ${MAX_BODY_BYTES} bytes`) };
    if (request.method === 'GET' || request.method === 'DELETE') return { body: undefined };
    try {
      return { body: readBody(request.headers['content-type'], bytes, text) };
    } catch (error) {
      return { body: undefined, wrong: this.parts.pushApi.refuse(error) };
    }
  }

  #judge(route: EmulatorRoute, parsed: Parsed, record: OpenRecord, fault: EmulatorFault | undefined): Judgement {
    if (parsed.wrong) return { answer: parsed.wrong, accepted: false };
    const { pushApi } = this.parts;
    const handling = acceptsUnder(fault) ? 'take' : 'lose';
    if (isPush(route.endpoint)) return pushApi.judge(route.endpoint, parsed.body, record.receivedAt, handling);
    try {
      return { answer: this.#answerOf(route, route.endpoint, record, handling), accepted: false };
    } catch (error) {
      return { answer: pushApi.refuse(error), accepted: false };
    }
  }

  #answerOf(
    route: EmulatorRoute,
    endpoint: EmulatorTopicEndpoint | 'account/token',
    { headers, body }: OpenRecord,
    handling: Handling,
  ): EmulatorAnswer {
    const { tokenApi, topicApi } = this.parts;
    if (endpoint === 'account/token') return tokenApi.issue(body);
    return topicApi.answer({ ...route, endpoint, headers, body }, handling);
  }

  /** The vendor documents neither case; HTTP's own statuses, with an envelope. */
  #refuseRoute(
    request: IncomingMessage,
    response: ServerResponse,
    { allowed, endpoint }: NoRoute,
    bytes: Buffer | undefined,
  ): void {
    const record = this.#record(request, response, endpoint, bytes?.toString() ?? '');
    const allow = allowed.join(', ');
    const answer =
      allow === '' ? this.#refusal(404, 'no such path') : this.#refusal(405, `only ${allow} is supported`, { allow });
    this.#answer(response, record, answer, undefined);
  }

  #refusal(code: number, message: string, headers?: Record<string, string>): EmulatorAnswer {
    this.parts.ledger.tally('refused');
    return refusal(code, code, message, headers);
  }

  #record(
    request: IncomingMessage,
    response: ServerResponse,
    endpoint: EmulatorEndpoint | undefined,
    rawBody: string,
  ): OpenRecord {
    const { ledger } = this.parts;
    const record: OpenRecord = {
      method: request.method ?? '',
      path: request.url ?? '',
      ...(endpoint && { endpoint }),
      headers: request.headers,
      rawBody,
      body: undefined,
      receivedAt: performance.now(),
      accepted: false,
    };
    ledger.record(record);
    if (ledger.isFollowed) response.once('close', () => ledger.ended(record));
    return record;
  }

  #answer(
    response: ServerResponse,
    record: OpenRecord,
    answer: EmulatorAnswer,
    fault: EmulatorFault | undefined,
  ): void {
    const { errorStatus, timers } = this.parts;
    const began = ({ status, code }: EmulatorAnswer): void => {
      record.status = status;
      if (code !== undefined) record.code = code;
    };
    const rawBody = echoed(record);
    play(fault, { response, socket: response.req.socket, answer, rawBody, errorStatus, timers, began });
  }
}

function isRoute(route: EmulatorRoute | NoRoute): route is EmulatorRoute {
  return 'ids' in route;
}

/** What an echo repeats: the body, and the headers where the credentials are there. */
function echoed({ rawBody, headers }: EmulatedRequest): string {
  return headers['appsecret'] === undefined ? rawBody : rawBody + JSON.stringify(headers);
}

interface ReadRequest {
  readonly route: EmulatorRoute;
  readonly draw: FaultDraw;
  readonly bytes: Buffer | undefined;
}

interface Parsed {
  readonly body: unknown;
  /** The answer, when there was nothing to parse. */
  readonly wrong?: EmulatorAnswer;
}
