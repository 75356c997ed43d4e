import type { IncomingMessage, ServerResponse } from 'node:http';
import { performance } from 'node:perf_hooks';
import { refusal, type EmulatorAnswer } from './answer.js';
import { readBytes } from './body.js';
import type { EmulatedPushApi, Judgement } from './push-api.js';
import type { EmulatedTokenApi } from './token-api.js';
import { endpointOf, type EmulatorEndpoint } from './endpoint.js';
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
  readonly script: FaultQueue;
  readonly timers: EmulatorTimers;
}

type OpenRecord = { -readonly [K in keyof EmulatedRequest]: EmulatedRequest[K] };

/** Takes HTTP requests through their stations: fault drawn, body read, recorded, judged, answered. */
export class EmulatorHandler {
  constructor(readonly parts: HandlerParts) {}

  /** Node calls this when a request's headers are there. */
  receive(request: IncomingMessage, response: ServerResponse): void {
    // Writing to a client that is gone is no error here: clients under test do go.
    response.on('error', () => {});
    const endpoint = endpointOf(request.url ?? '');
    const draw = endpoint && request.method === 'POST' ? this.parts.script.draw() : undefined;
    if (draw?.early?.kind === 'reset' && draw.early.when === 'before-read') {
      this.#record(request, endpoint, '').fault = 'reset';
      this.parts.ledger.tally('faulted');
      request.socket.resetAndDestroy();
      return;
    }
    readBytes(request, MAX_BODY_BYTES, {
      read: (bytes) => {
        if (endpoint && draw) this.#serve(request, response, { endpoint, draw, bytes });
        else this.#refuseRoute(request, response, endpoint, bytes);
      },
      aborted: () => this.parts.ledger.tally('aborted'),
    });
  }

  #serve(request: IncomingMessage, response: ServerResponse, { endpoint, draw, bytes }: ReadRequest): void {
    const rawBody = bytes?.toString() ?? '';
    const record = this.#record(request, endpoint, rawBody);
    const parsed = this.#parse(request, bytes, rawBody);
    record.body = parsed.body;
    const fault = draw.late(record);
    const { answer, accepted } = this.#judge(endpoint, parsed, record.receivedAt, fault);
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
    try {
      return { body: readBody(request.headers['content-type'], bytes, text) };
    } catch (error) {
      return { body: undefined, wrong: this.parts.pushApi.refuse(error) };
    }
  }

  #judge(endpoint: EmulatorEndpoint, parsed: Parsed, at: number, fault: EmulatorFault | undefined): Judgement {
    if (parsed.wrong) return { answer: parsed.wrong, accepted: false };
    const { pushApi, tokenApi } = this.parts;
    if (endpoint === 'account/token') return { answer: this.#issue(tokenApi, parsed.body), accepted: false };
    return pushApi.judge(endpoint, parsed.body, at, acceptsUnder(fault) ? 'take' : 'lose');
  }

  #issue(tokenApi: EmulatedTokenApi, body: unknown): EmulatorAnswer {
    try {
      return tokenApi.issue(body);
    } catch (error) {
      return this.parts.pushApi.refuse(error);
    }
  }

  /** The vendor documents neither case; HTTP's own statuses, with an envelope beside them. */
  #refuseRoute(
    request: IncomingMessage,
    response: ServerResponse,
    endpoint: EmulatorEndpoint | undefined,
    bytes: Buffer | undefined,
  ): void {
    const record = this.#record(request, endpoint, bytes?.toString() ?? '');
    const answer = endpoint
      ? this.#refusal(405, 'only POST is supported', { allow: 'POST' })
      : this.#refusal(404, 'no such path');
    this.#answer(response, record, answer, undefined);
  }

  #refusal(code: number, message: string, headers?: Record<string, string>): EmulatorAnswer {
    this.parts.ledger.tally('refused');
    return refusal(code, code, message, headers);
  }

  #record(request: IncomingMessage, endpoint: EmulatorEndpoint | undefined, rawBody: string): OpenRecord {
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
    this.parts.ledger.record(record);
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
    const { rawBody } = record;
    play(fault, { response, socket: response.req.socket, answer, rawBody, errorStatus, timers, began });
  }
}

interface ReadRequest {
  readonly endpoint: EmulatorEndpoint;
  readonly draw: FaultDraw;
  readonly bytes: Buffer | undefined;
}

interface Parsed {
  readonly body: unknown;
  /** The answer, when there was nothing to parse. */
  readonly wrong?: EmulatorAnswer;
}
