import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { OpenAPIObject } from '@nestjs/swagger';
import { BroadcastApp, startBroadcasts } from '../support/broadcast-app.js';

const ROUTES = [
  { path: '/broadcasts', method: 'post', statuses: [202, 400, 401, 409, 413, 415, 503] },
  { path: '/broadcasts', method: 'get', statuses: [200, 401] },
  { path: '/broadcasts/{id}', method: 'get', statuses: [200, 401, 404] },
  { path: '/broadcasts/{id}/events', method: 'get', statuses: [200, 401, 404, 503] },
  { path: '/broadcasts/{id}/pause', method: 'post', statuses: [200, 401, 404, 409] },
  { path: '/broadcasts/{id}/resume', method: 'post', statuses: [200, 401, 404, 409] },
  { path: '/broadcasts/{id}/resend', method: 'post', statuses: [200, 401, 404, 409] },
  { path: '/broadcasts/{id}/failures', method: 'get', statuses: [200, 401, 404] },
  { path: '/broadcasts/{id}', method: 'delete', statuses: [200, 401, 404, 409] },
] as const;

interface Content {
  schema: object;
  example?: string;
  examples?: Record<string, { value: object }>;
}

describe('sample API documentation of broadcasts', () => {
  let sample: BroadcastApp;
  let document: OpenAPIObject;

  beforeAll(async () => {
    sample = await startBroadcasts();
    document = (await sample.get('/openapi.json').expect(200)).body;
  });
  afterAll(() => sample.close());

  it.each(ROUTES)('has the API key and every answer of $method $path', ({ path, method, statuses }) => {
    const operation = document.paths[path]?.[method];
    expect(operation?.security).toEqual([{ bearer: [] }]);
    expect(Object.keys(operation?.responses ?? {}).map(Number)).toEqual(statuses);
    for (const status of statuses) {
      const { content = {} } = (operation?.responses[status] ?? {}) as unknown as { content?: Record<string, Content> };
      for (const { example, examples = {} } of Object.values(content)) {
        expect(example ?? Object.keys(examples)[0]).toBeDefined();
      }
    }
  });

  it('has bodies that the route takes as they are', async () => {
    const { content } = (document.paths['/broadcasts']?.post?.requestBody ?? {}) as unknown as {
      content: Record<string, Content>;
    };
    for (const { value } of Object.values(content['application/json']?.examples ?? {})) {
      await sample.post('/broadcasts', value).expect(202);
    }
    for (const type of ['text/plain', 'application/x-ndjson']) {
      const { body } = await sample.upload({ kind: 'accounts', msg: 'hello' }, content[type]?.example ?? '', type);
      expect(body).toMatchObject({ total: 2 });
    }
  });

  it('shows a state as the routes answer it', async () => {
    const responses = document.paths['/broadcasts']?.post?.responses as unknown as Record<
      string,
      { content: Record<string, Content> }
    >;
    const [shown] = Object.values(responses['202']?.content['application/json']?.examples ?? {});
    const { body } = await sample.start().expect(202);
    expect(Object.keys(body).toSorted()).toEqual(Object.keys(shown?.value ?? {}).toSorted());
  });

  it('is named by the index', async () => {
    expect((await sample.get('/')).body).toMatchObject({ broadcasts: '/broadcasts' });
  });
});
