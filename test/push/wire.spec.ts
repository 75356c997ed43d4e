import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { binaryMsg, jsonMsg, MimcPushService, textMsg } from 'nestjs-mimc';
import { bootPush, PushApp, secrets } from '../support/push-app.js';
import { httpReply, RawServer, startRawServer } from '../support/raw-server.js';

const credentials = `{"appId":"${secrets.appId}","appKey":"${secrets.appKey}","appSecret":"${secrets.appSecret}"`;
const single = '{"code":200,"data":{"packetId":"p-1"},"message":"success"}';
const batch = '{"code":200,"data":{"packetIds":["p-1","p-2"]},"message":"success"}';

describe('the wire form', () => {
  let server: RawServer;
  let app: PushApp;

  beforeAll(async () => {
    server = await startRawServer((socket, chunk) => {
      if (chunk.endsWith('}')) socket.write(httpReply('200 OK', chunk.includes('/more') ? batch : single));
    });
    app = await bootPush({ baseUrl: `${server.url}/` });
  });
  afterAll(async () => {
    await app.close();
    await server.close();
  });
  beforeEach(() => {
    server.received = '';
  });

  const body = () => server.received.slice(server.received.indexOf('\r\n\r\n') + 4);

  it.each<[string, string, (push: MimcPushService) => Promise<unknown>, string]>([
    [
      'toAccount',
      '/api/push/p2p/',
      (push) => push.toAccount({ toAccount: 'alice', msg: 'hello' }),
      '"fromAccount":"server","fromResource":"server","toAccount":"alice","msg":"hello"}',
    ],
    [
      'toAccounts',
      '/api/push/p2p/more',
      (push) => push.toAccounts({ fromAccount: 'shop', toAccounts: ['alice', 'bob'], ...jsonMsg({ a: 1 }) }),
      '"fromAccount":"shop","fromResource":"server","toAccounts":["alice","bob"],"msg":"{\\"a\\":1}","msgType":""}',
    ],
    [
      'toTopic',
      '/api/push/p2t/',
      (push) => push.toTopic({ topicId: 9223372036854775807n, ...binaryMsg(new Uint8Array([255, 0])), isStore: false }),
      '"fromAccount":"server","fromResource":"server","topicId":9223372036854775807,"msg":"/wA=","msgType":"base64","isStore":false}',
    ],
    [
      'toTopics',
      '/api/push/p2t/more',
      (push) => push.toTopics({ topicIds: ['36028797018963969', 7, 8n], ...textMsg('héllo'), bizType: 'TEXT' }),
      '"fromAccount":"server","fromResource":"server","topicIds":[36028797018963969,7,8],"msg":"héllo","msgType":"","bizType":"TEXT"}',
    ],
  ])('of %s is a POST to %s with exactly the fields that are set', async (_name, path, send, fields) => {
    await send(app.push);
    expect(server.received).toMatch(new RegExp(`^POST ${path} HTTP/1.1\r\n`));
    expect(server.received).toMatch(/\r\ncontent-type: application\/json\r\n/);
    expect(body()).toBe(`${credentials},${fields}`);
  });

  it('leaves out what is undefined', async () => {
    await app.push.toAccount({
      toAccount: 'a',
      msg: 'm',
      fromResource: undefined,
      isStore: undefined,
      bizType: undefined,
    });
    expect(body()).toBe(`${credentials},"fromAccount":"server","fromResource":"server","toAccount":"a","msg":"m"}`);
  });

  it('prefixes the path of the base URL', async () => {
    const behindGateway = await bootPush({ baseUrl: `${server.url}/mimc/` });
    await behindGateway.push.toAccount({ toAccount: 'a', msg: 'm' });
    await behindGateway.close();
    expect(server.received).toMatch(/^POST \/mimc\/api\/push\/p2p\/ /);
  });

  it('is made of the entries of a list, whatever its class overrides', async () => {
    class Sly extends Array<string> {
      override slice() {
        return ['pwned'] as never;
      }
      override join() {
        return '1],"toAccounts":["pwned"';
      }
      toJSON() {
        return ['pwned'];
      }
    }
    await app.push.toAccounts({ toAccounts: Sly.from(['alice']), msg: 'm' });
    expect(body()).toContain('"toAccounts":["alice"]');
    server.received = '';
    await app.push.toTopics({ topicIds: Sly.from(['7']), msg: 'm' });
    expect(body()).toContain('"topicIds":[7],"msg":"m"}');
  });

  it('is taken from the DTO when the call is made, not later', async () => {
    const dto = { toAccounts: ['alice'], msg: 'before' };
    const sent = app.push.toAccounts(dto);
    dto.msg = 'after';
    dto.toAccounts.push('bob');
    await sent;
    expect(body()).toContain('"toAccounts":["alice"],"msg":"before"');
  });
});
