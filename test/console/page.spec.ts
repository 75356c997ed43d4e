import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { until } from '../support/broadcast-app.js';

/** Of the page, which has no types. */
interface PageEvent {
  type: string;
  data: string;
  id: string;
}
interface Parser {
  push(text: string): void;
  lastEventId: string;
  retryMs?: number;
}
interface FollowOptions {
  onEvent: (event: PageEvent) => void;
  onState: (state: string, refusal?: { message: string }) => void;
  signal: AbortSignal;
  page: EventTarget & { hidden: boolean };
}
type Follow = (
  open: (headers: Record<string, string>, signal: AbortSignal) => Promise<Response>,
  options: FollowOptions,
) => Promise<void>;

const PAGE = '../../apps/console/public/console';
const { EventStreamParser } = (await import(`${PAGE}/event-stream.js`)) as {
  EventStreamParser: new (onEvent: (event: PageEvent) => void, lastEventId?: string) => Parser;
};
const { follow } = (await import(`${PAGE}/live-stream.js`)) as { follow: Follow };
const { Rate, duration } = (await import(`${PAGE}/rate.js`)) as {
  Rate: new () => { add(count: number, now: number): void; perSecond: number };
  duration: (seconds: number) => string;
};

describe('the parser of event streams', () => {
  it.each<{ name: string; text: string; events: Partial<PageEvent>[] }>([
    { name: 'an event', text: 'data: a\n\n', events: [{ type: 'message', data: 'a', id: '' }] },
    { name: 'a type', text: 'event: x\ndata: a\n\ndata: b\n\n', events: [{ type: 'x' }, { type: 'message' }] },
    { name: 'data over lines', text: 'data: a\ndata:\ndata:  b\n\n', events: [{ data: 'a\n\n b' }] },
    {
      name: 'CRLF and CR',
      text: 'data: a\r\n\r\ndata: b\r\rdata: c\r\n\n',
      events: [{ data: 'a' }, { data: 'b' }, { data: 'c' }],
    },
    { name: 'no space after the colon', text: 'data:a:b\n\n', events: [{ data: 'a:b' }] },
    { name: 'an id that stays', text: 'id: 1\ndata: a\n\ndata: b\n\n', events: [{ id: '1' }, { id: '1' }] },
    { name: 'an id taken back', text: 'id: 1\ndata: a\n\nid\ndata: b\n\n', events: [{ id: '1' }, { id: '' }] },
    { name: 'an id with NUL', text: 'id: 1\0\ndata: a\n\n', events: [{ id: '' }] },
    { name: 'comments', text: ': hello\n:\n\ndata: a\n: more\n\n', events: [{ data: 'a' }] },
    { name: 'no data', text: 'event: x\nid: 1\n\ndata\n\n', events: [] },
    { name: 'unknown fields', text: 'color: red\nDATA: x\ndata: a\n\n', events: [{ data: 'a' }] },
    { name: 'an unfinished event', text: 'data: a\n\ndata: b\n', events: [{ data: 'a' }] },
  ])('reads $name', ({ text, events }) => {
    const found = parsed([text]);
    expect(found).toHaveLength(events.length);
    expect(found).toMatchObject(events);
  });

  it('reads the same wherever the stream is cut', () => {
    const line = fc.constantFrom(
      'data: a',
      'data',
      'data:  b',
      'event: x',
      'id: 1',
      'id',
      ': c',
      'retry: 7',
      '',
      '',
      'x',
    );
    const end = fc.constantFrom('\n', '\r', '\r\n');
    const stream = fc.array(fc.tuple(line, end)).map((lines) => lines.flat().join(''));
    fc.assert(
      fc.property(stream, (text) => {
        // Its characters one by one; a CR before an LF of the next line is one end of a line either way.
        expect(parsed(text.split(''))).toEqual(parsed([text]));
      }),
    );
  });

  it('takes a time to wait that is digits, and keeps the id of an event without data', () => {
    const parser = new EventStreamParser(() => {}, 'old');
    expect(parser.lastEventId).toBe('old');
    parser.push('retry: 70\nretry: 7s\nid: new\n\n');
    expect(parser).toMatchObject({ retryMs: 70, lastEventId: 'new' });
  });

  function parsed(pieces: string[]): PageEvent[] {
    const events: PageEvent[] = [];
    const parser = new EventStreamParser((event) => events.push(event));
    for (const piece of pieces) parser.push(piece);
    return events;
  }
});

/** What a browser's document says about itself. */
class Page extends EventTarget {
  hidden = false;

  show(isShown: boolean): void {
    this.hidden = !isShown;
    this.dispatchEvent(new Event('visibilitychange'));
  }
}

describe('following a stream', () => {
  let server: Server | undefined;
  let stop = new AbortController();
  let page = new Page();

  afterEach(async () => {
    stop.abort();
    server?.closeAllConnections();
    await new Promise((resolve) => server?.close(resolve));
  });

  it('comes back after it broke off, with the last id', async () => {
    const ids: (string | undefined)[] = [];
    const { events, states } = await run((request, response) => {
      ids.push(request.headers['last-event-id'] as string | undefined);
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      response.write(`retry: 10\nid: ${ids.length}\ndata: ü${ids.length}\n\n`, () => response.destroy());
    });
    await until(() => events.length >= 3);
    expect(events.slice(0, 3).map(({ data }) => data)).toEqual(['ü1', 'ü2', 'ü3']);
    expect(ids.slice(0, 3)).toEqual([undefined, '1', '2']);
    expect(states.slice(0, 3)).toEqual(['live', 'waiting', 'live']);
  });

  it('comes back after errors and answers that are not a stream, ever more slowly', async () => {
    const times: number[] = [];
    const { states } = await run((_request, response) => {
      times.push(performance.now());
      if (times.length === 1) response.writeHead(503).end();
      else response.writeHead(200, { 'content-type': 'text/html' }).end('data: no\n\n');
    });
    await until(() => times.length === 3);
    const [first = 0, second = 0, third = 0] = times;
    // 500 ms and 1 s, give or take a quarter.
    expect(second - first).toBeGreaterThan(350);
    expect(third - second).toBeGreaterThan(720);
    expect(states).not.toContain('live');
  });

  it.each([204, 401, 403, 404])('ends for good at %d', async (status) => {
    let asked = 0;
    const { done, states } = await run((_request, response) => {
      asked++;
      response.writeHead(status).end();
    });
    await done;
    expect({ asked, states }).toEqual({ asked: 1, states: ['over'] });
  });

  it('says what the server says, or its status', async () => {
    const answers = ['{"message":"full"}', '<h1>Bad gateway</h1>'];
    const { reasons } = await run((_request, response) => {
      const body = answers.shift();
      response.writeHead(body === undefined ? 404 : 503).end(body);
    });
    await until(() => reasons.length === 3);
    expect(reasons).toEqual(['full', 'HTTP 503', 'HTTP 404']);
  });

  it('hangs up while the page is hidden, and comes back with the last id when it is shown', async () => {
    const ids: (string | undefined)[] = [];
    let open = 0;
    const { events, states } = await run((request, response) => {
      open++;
      response.once('close', () => open--);
      ids.push(request.headers['last-event-id'] as string | undefined);
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      response.write(`id: ${ids.length}\ndata: a\n\n`);
    });
    await until(() => events.length === 1);
    page.show(false);
    await until(() => open === 0);
    // Longer than it waits before it comes back from a connection that broke off.
    await sleep(800);
    expect(ids).toEqual([undefined]);

    page.show(true);
    await until(() => events.length === 2);
    expect(ids).toEqual([undefined, '1']);
    expect(states).toEqual(['live', 'live']);
  });

  it('asks for nothing more when it is stopped while the page is hidden', async () => {
    let asked = 0;
    const { done } = await run((_request, response) => {
      asked++;
      response.writeHead(200, { 'content-type': 'text/event-stream' }).flushHeaders();
    });
    await until(() => asked === 1);
    page.show(false);
    await sleep(50);
    stop.abort();
    await done;
    expect(asked).toBe(1);
  });

  it('hangs up when it is stopped', async () => {
    let gone = false;
    const { done, events } = await run((_request, response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      response.write('data: a\n\n');
      response.once('close', () => (gone = true));
    });
    await until(() => events.length === 1);
    expect(gone).toBe(false);
    stop.abort();
    await done;
    await until(() => gone);
  });

  async function run(listener: RequestListener) {
    const events: PageEvent[] = [];
    const states: string[] = [];
    const reasons: (string | undefined)[] = [];
    stop = new AbortController();
    page = new Page();
    server = createServer(listener);
    await new Promise<void>((resolve) => server?.listen(0, '127.0.0.1', resolve));
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
    const done = follow((headers, signal) => fetch(url, { headers, signal }), {
      onEvent: (event) => events.push(event),
      onState: (state, refusal) => {
        states.push(state);
        reasons.push(refusal?.message);
      },
      signal: stop.signal,
      page,
    });
    return { done, events, states, reasons };
  }
});

describe('the rate of a broadcast', () => {
  it('is that of the last seconds, bursts or not', () => {
    const rate = new Rate();
    expect(rate.perSecond).toBe(0);
    rate.add(0, 0);
    expect(rate.perSecond).toBe(0);
    // Fifty at once in every second, looked at twice in each.
    const rates: number[] = [];
    for (let ms = 500; ms <= 20_000; ms += 500) {
      rate.add(50 * (1 + Math.floor(ms / 1_000)), ms);
      rates.push(rate.perSecond);
    }
    expect(Math.min(...rates.slice(3))).toBeGreaterThan(45);
    expect(Math.max(...rates)).toBeLessThan(53);
    for (let ms = 20_500; ms <= 26_000; ms += 500) rate.add(1_050, ms);
    expect(rate.perSecond).toBe(0);
  });

  it.each([
    [0, '0 s'],
    [0.2, '1 s'],
    [59.5, '1 min 0 s'],
    [80, '1 min 20 s'],
    [3_725, '1 h 2 min'],
    [Infinity, '–'],
    [Number.NaN, '–'],
  ])('makes %d seconds %s', (seconds, text) => {
    expect(duration(seconds)).toBe(text);
  });
});
