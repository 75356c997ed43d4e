import { fileURLToPath } from 'node:url';
import type { NestExpressApplication } from '@nestjs/platform-express';
import type { Response } from 'express';

/** `index.html` of `/`, and what belongs to it under `/console/`. */
const FILES = fileURLToPath(new URL('../../public', import.meta.url));

/** Nothing but what this server sends runs, and nothing goes anywhere else. Forms are sent by script alone. */
const CONTENT_SECURITY_POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "connect-src 'self'",
  "img-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ');

/** Serves the console's page at `/`. It needs no key to be looked at; all that it asks of the API does. */
export function useConsole(app: NestExpressApplication): void {
  app.useStaticAssets(FILES, { redirect: false, setHeaders: secure });
}

/** In place of what helmet has set for every answer. */
function secure(response: Response): void {
  response.setHeader('Content-Security-Policy', CONTENT_SECURITY_POLICY);
  response.setHeader('X-Frame-Options', 'DENY');
  // Asked for again each time, so that page and scripts are of one version.
  response.setHeader('Cache-Control', 'no-cache');
}
