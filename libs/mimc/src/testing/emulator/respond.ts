import { STATUS_CODES, type ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { rawAnswer, refusal, statusFor, type EmulatorAnswer } from './answer.js';
import { mulberry32 } from './chaos.js';
import { faultHeaders, type EmulatorFault } from './faults.js';
import type { EmulatorTimers } from './timers.js';

/** What a fault is played on: one read request and the answer it would normally get. */
export interface ResponseContext {
  readonly response: ServerResponse;
  readonly socket: Socket;
  readonly answer: EmulatorAnswer;
  readonly rawBody: string;
  readonly errorStatus: 'ok' | 'mirror';
  readonly timers: EmulatorTimers;
  /** Told of the answer that is begun, as soon as it is. */
  readonly began: (answer: EmulatorAnswer) => void;
}

/** Answers a request, under a fault or normally. */
export function play(fault: EmulatorFault | undefined, stage: ResponseContext): void {
  const { answer, socket, timers } = stage;
  switch (fault?.kind) {
    case undefined:
      return send(stage, answer);
    case 'code':
    case 'status':
    case 'html':
    case 'empty':
    case 'garbage':
    case 'body':
    case 'echo':
      return send(stage, substitute(fault, stage));
    case 'delay':
      return timers.after(fault.ms, socket, () => send(stage, answer));
    case 'hang':
      return;
    case 'reset':
      socket.resetAndDestroy();
      return;
    case 'stall':
      return sendHalf(stage);
    case 'dribble':
      return dribble(stage, fault.everyMs ?? 10);
    case 'truncate':
      return fault.cut === 'connection' ? sendHalf(stage, () => socket.destroy()) : send(stage, half(answer));
    case 'split':
      return split(stage);
    case 'close-idle':
      return sendAndClose(stage, fault);
  }
}

type Substitution = FaultOf<'code' | 'status' | 'html' | 'empty' | 'garbage' | 'body' | 'echo'>;

/** The answer that stands in for the normal one. */
function substitute(fault: Substitution, { answer, rawBody, errorStatus }: ResponseContext): EmulatorAnswer {
  const headers = faultHeaders(fault);
  switch (fault.kind) {
    case 'code':
      return codeAnswer(fault, answer, errorStatus);
    case 'echo':
      return echoAnswer(fault, rawBody, errorStatus);
    case 'status':
      return rawAnswer(fault.status, fault.body ?? '', { 'content-type': 'text/plain', ...headers });
    case 'html':
      return rawAnswer(fault.status ?? 502, htmlPage(fault.status ?? 502), { 'content-type': 'text/html' });
    case 'empty':
      return rawAnswer(fault.status ?? 200, '');
    case 'garbage':
      return rawAnswer(fault.status ?? 200, garbage(fault.bytes ?? 256));
    default:
      return rawAnswer(fault.status ?? 200, fault.body, headers);
  }
}

type FaultOf<Kind extends EmulatorFault['kind']> = Extract<EmulatorFault, { kind: Kind }>;

/** A scripted code 200 keeps the normal success, so that only the status can be odd about it. */
function codeAnswer(fault: FaultOf<'code'>, answer: EmulatorAnswer, errorStatus: 'ok' | 'mirror'): EmulatorAnswer {
  const { code, message = 'push fail', httpStatus = statusFor(code, errorStatus) } = fault;
  const headers = faultHeaders(fault);
  if (code !== 200 || answer.code !== 200) return refusal(httpStatus, code, message, headers);
  return { ...answer, status: httpStatus, headers: { ...answer.headers, ...headers } };
}

function echoAnswer(fault: FaultOf<'echo'>, rawBody: string, errorStatus: 'ok' | 'mirror'): EmulatorAnswer {
  const { code = 400, form = 'raw' } = fault;
  return refusal(statusFor(code, errorStatus), code, `invalid request: ${echo(rawBody, form)}`);
}

function htmlPage(status: number): string {
  const title = `${status} ${STATUS_CODES[status] ?? 'Error'}`;
  return `<html>\r\n<head><title>${title}</title></head>\r\n<body><h1>${title}</h1></body>\r\n</html>\r\n`;
}

/** Always the same bytes. The first can begin neither UTF-8 nor JSON. */
function garbage(length: number): Buffer {
  const random = mulberry32(1);
  const block = Buffer.from(Array.from({ length: 1021 }, () => Math.floor(random() * 256)));
  block[0] = 0xff;
  return Buffer.alloc(length, block);
}

function echo(rawBody: string, form: 'raw' | 'json' | 'url'): string {
  if (form === 'json') return JSON.stringify(rawBody).replaceAll('/', String.raw`\/`);
  return form === 'url' ? encodeURIComponent(rawBody) : rawBody;
}

function half(answer: EmulatorAnswer): EmulatorAnswer {
  const bytes = bytesOf(answer);
  return { ...answer, body: bytes.subarray(0, bytes.length >> 1) };
}

function bytesOf({ body }: EmulatorAnswer): Buffer {
  return typeof body === 'string' ? Buffer.from(body) : body;
}

function send(stage: ResponseContext, answer: EmulatorAnswer): void {
  begin(stage, answer, sized(answer));
  stage.response.end(answer.body);
}

/** Announces the whole body, sends half of it, and leaves the rest to `then`. */
function sendHalf(stage: ResponseContext, then?: () => void): void {
  begin(stage, stage.answer, sized(stage.answer));
  stage.response.write(half(stage.answer).body, then);
}

function begin({ response, began }: ResponseContext, answer: EmulatorAnswer, headers: Headers): void {
  began(answer);
  response.writeHead(answer.status, headers);
}

type Headers = Readonly<Record<string, string>>;

/** The answer's headers with the length of its body, where the status allows one. */
function sized({ status, headers, body }: EmulatorAnswer): Headers {
  return status === 204 || status === 304 ? headers : { ...headers, 'content-length': String(Buffer.byteLength(body)) };
}

/** Spaces are whitespace in JSON, so a reader can never know that nothing more will come. */
function dribble(stage: ResponseContext, everyMs: number): void {
  const { response, socket, answer, timers } = stage;
  const bytes = bytesOf(answer);
  let sent = 0;
  begin(stage, answer, answer.headers);
  response.flushHeaders();
  timers.every(everyMs, socket, () => {
    response.write(sent < bytes.length - 1 ? bytes.subarray(sent, sent + 1) : ' ');
    sent++;
  });
}

/** Goes past Node's response, which would put the headers into one packet. It ends the connection to stay in step. */
function split({ socket, answer, began }: ResponseContext): void {
  began(answer);
  const headers = { ...sized(answer), connection: 'close' };
  const head = [`HTTP/1.1 ${answer.status} ${STATUS_CODES[answer.status] ?? ''}`];
  for (const [name, value] of Object.entries(headers)) head.push(`${name}: ${value}`);
  const bytes = Buffer.concat([Buffer.from(`${head.join('\r\n')}\r\n\r\n`), bytesOf(answer)]);
  const writeFrom = (index: number): void => {
    if (index === bytes.length) socket.end();
    else if (socket.writable) socket.write(bytes.subarray(index, index + 1), () => setImmediate(writeFrom, index + 1));
  };
  writeFrom(0);
}

function sendAndClose(stage: ResponseContext, { afterMs = 0, announce = false }: FaultOf<'close-idle'>): void {
  const { response, socket, timers, answer } = stage;
  // Node itself closes the connection after an answer that says so.
  if (announce) return send(stage, { ...answer, headers: { ...answer.headers, connection: 'close' } });
  response.once('finish', () => timers.after(afterMs, socket, () => socket.destroy()));
  return send(stage, answer);
}
