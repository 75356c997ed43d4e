import type { IncomingMessage } from 'node:http';
import { PayloadTooLargeException, UnsupportedMediaTypeException } from '@nestjs/common';
import type { NestExpressApplication } from '@nestjs/platform-express';
import type { NextFunction, Request, Response } from 'express';
import { InvalidBodyException } from '../errors/invalid-body.exception.js';
import { parseLosslessJson } from './lossless-json.js';
import { mediaType } from './media-type.js';

/** Most bytes of a body, after decompression. */
const MAX_BODY_BYTES = 256 * 1024;

/** How bodies are read. */
export interface JsonOptions {
  /** Whether a request's route reads its body itself. Default: none does. */
  isReadByRoute?: (request: Request) => boolean;
}

/**
 * Replaces Nest's JSON parser, which rounds 64-bit ids, with a lossless one; the application must be created with
 * `bodyParser: false`.
 */
export function useLosslessJson(app: NestExpressApplication, { isReadByRoute = () => false }: JsonOptions = {}): void {
  app.useBodyParser('raw', { type: isJson, limit: MAX_BODY_BYTES });
  app.use(explainReadError);
  app.use((request: Request, _response: Response, next: NextFunction) => {
    if (Buffer.isBuffer(request.body)) request.body = jsonObject(request.body);
    else if (hasContent(request) && !isReadByRoute(request)) throw unsupported();
    next();
  });
}

/** An empty body is left to the DTO, whose rules name the missing fields. */
function jsonObject(bytes: Buffer): object | undefined {
  if (bytes.length === 0) return undefined;
  const value = parseLosslessJson(bytes);
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value;
  throw new InvalidBodyException('isObject', 'The body must be a JSON object');
}

/** Turns an error of express's body reader (`http-errors`) into a Nest exception. */
function explainReadError(error: unknown, _request: Request, _response: Response, next: NextFunction): void {
  const status = typeof error === 'object' && error !== null && 'status' in error ? error.status : undefined;
  if (status === 413) next(new PayloadTooLargeException(`The body must not be larger than ${MAX_BODY_BYTES} bytes`));
  else if (status === 415) next(unsupported());
  else if (status === 400) next(new InvalidBodyException('isReadable', 'The body could not be read completely'));
  else next(error);
}

/** `application/json`; a charset, which RFC 8259 does not define, must be UTF-8. */
function isJson(request: Pick<IncomingMessage, 'headers'>): boolean {
  return mediaType(request) === 'application/json';
}

function hasContent({ headers }: Request): boolean {
  return headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0;
}

function unsupported(): UnsupportedMediaTypeException {
  return new UnsupportedMediaTypeException('The body must be application/json, in UTF-8');
}
