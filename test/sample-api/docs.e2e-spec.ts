import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { OpenAPIObject } from '@nestjs/swagger';
import { Ajv } from 'ajv';
import { mimcErrorTable } from 'nestjs-mimc';
import { SampleApp, startDemo } from '../support/sample-app.js';

const PUSHES = ['/push/p2p', '/push/p2p/more', '/push/p2t', '/push/p2t/more'];

interface Body {
  schema: { $ref?: string };
  examples: Record<string, { value: Record<string, unknown> }>;
}

const BROADCASTS = ['/broadcasts', '/broadcasts/{id}'];

describe('sample API documentation', () => {
  let sample: SampleApp;
  let document: OpenAPIObject;

  beforeAll(async () => {
    sample = await startDemo({ MIMC_ACCOUNTS_PER_SECOND: '1000' });
    document = (await sample.get('/openapi.json').expect(200)).body;
  });
  afterAll(() => sample.close());

  it('has every route', () => {
    expect(document.openapi).toMatch(/^3\./);
    expect(new Set(Object.keys(document.paths))).toEqual(
      new Set([
        ...PUSHES,
        ...BROADCASTS,
        '/sessions',
        '/tokens',
        '/topics',
        '/health/live',
        '/health/ready',
        '/metrics',
      ]),
    );
  });

  it('refers only to schemas that it has', () => {
    const references = [...JSON.stringify(document).matchAll(/"#\/components\/schemas\/(\w+)"/g)].map(
      ([, name]) => name,
    );
    const schemas = Object.keys(document.components?.schemas ?? {});
    expect(new Set(references)).toEqual(new Set(schemas));
  });

  it.each(PUSHES)('has examples of %s that the route takes as they are', async (path) => {
    const { examples } = requestBody(path);
    expect(Object.keys(examples)).not.toHaveLength(0);
    for (const { value } of Object.values(examples)) await sample.post(path, value).expect(202);
  });

  it.each(PUSHES)('has the API key and an example of every failure of %s', (path) => {
    const { security, responses = {} } = document.paths[path]?.post ?? {};
    const failures = Object.entries(responses).filter(([status]) => status !== '202');
    const examples = failures.flatMap(([status]) => {
      return Object.values(responseBody(path, status).examples).map(({ value }) => ({ status, value }));
    });

    expect(security).toEqual([{ bearer: [] }]);
    expect(examples.every(({ status, value }) => value.statusCode === Number(status))).toBe(true);
    expect(new Set(examples.map(({ value }) => value.code))).toEqual(
      new Set([...Object.keys(mimcErrorTable), undefined]),
    );
    expect(failures.map(([status]) => Number(status))).toEqual([
      400, 401, 403, 404, 410, 413, 415, 429, 500, 502, 503, 504,
    ]);
  });

  it.each(PUSHES)('has schemas that fit its examples of bodies and failures of %s', (path) => {
    const { responses = {} } = document.paths[path]?.post ?? {};
    const failures = Object.keys(responses).filter((status) => status !== '202');
    const bodies = [requestBody(path), ...failures.map((status) => responseBody(path, status))];
    for (const { schema, examples } of bodies) {
      const ajv = new Ajv({ strict: false, validateFormats: false });
      const fits = ajv.compile({ ...schema, components: document.components });
      for (const { value } of Object.values(examples))
        expect({ value, fits: fits(value) }).toEqual({ value, fits: true });
    }
  });

  it('shows receipts as the routes answer them', async () => {
    const one = await sample.post('/push/p2p', { toAccount: 'alice', msg: 'hello' });
    const many = await sample.post('/push/p2p/more', { toAccounts: ['alice'], msg: 'hello' });
    for (const [path, { body }] of [['/push/p2p', one] as const, ['/push/p2p/more', many] as const]) {
      const { $ref } = responseBody(path, '202').schema;
      const { properties = {} } = Object(document.components?.schemas?.[$ref?.split('/').at(-1) ?? '']);
      expect(Object.keys(body).toSorted()).toEqual(Object.keys(properties).toSorted());
    }
  });

  it('is a page whose parts all come from this server', async () => {
    const { text } = await sample.get('/docs').expect(200).expect('Content-Type', /html/);
    const assets = [...text.matchAll(/(?:src|href)="([^"#]+)"/g)].map(([, path]) => path ?? '');

    expect(assets.length).toBeGreaterThan(3);
    expect(text).not.toMatch(/<script>/);
    for (const asset of assets) await sample.get(new URL(asset, `${sample.url}/docs`).pathname).expect(200);
  });

  it('names no credentials', () => {
    const { appId, appKey, appSecret } = sample.emulator.credentials;
    for (const secret of [appId, appKey, appSecret]) expect(JSON.stringify(document)).not.toContain(secret);
  });

  function requestBody(path: string): Body {
    const body = document.paths[path]?.post?.requestBody as unknown as { content: Record<string, Body> };
    return jsonOf(body.content);
  }

  function responseBody(path: string, status: string): Body {
    const body = document.paths[path]?.post?.responses[status] as unknown as { content: Record<string, Body> };
    return jsonOf(body.content);
  }
});

function jsonOf(content: Record<string, Body>): Body {
  const body = content['application/json'];
  if (body === undefined) throw new Error('No JSON body');
  return body;
}
