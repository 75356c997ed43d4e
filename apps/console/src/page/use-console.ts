import { fileURLToPath } from 'node:url';
import type { NestExpressApplication } from '@nestjs/platform-express';
import type { Response } from 'express';

/** `index.html` for `/`, and its scripts and styles under `/console/`. */
const FILES = fileURLToPath(new URL('../../public', import.meta.url));

/** Scripts, styles, images and requests only from and to this server; only scripts submit forms. */
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

/** Serves the console's page at `/`. The page needs no key; every request that it makes to the API does. */
export function useConsole(app: NestExpressApplication): void {
  app.useStaticAssets(FILES, { redirect: false, setHeaders: secure });
}

/** Replaces the headers that helmet sets for every answer. */
function secure(response: Response): void {
  response.setHeader('Content-Security-Policy', CONTENT_SECURITY_POLICY);
  response.setHeader('X-Frame-Options', 'DENY');
  // Revalidated each time, so that page and scripts are of the same version.
  response.setHeader('Cache-Control', 'no-cache');
}
