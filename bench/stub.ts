import { createServer, Socket } from 'node:net';
import type { AddressInfo } from 'node:net';

/**
 * MIMC's success over HTTP/1.1 with keep-alive, in a process of its own. It reads no more of a request than its first
 * line and its length. The path begins with how many packetIds the answer of `more` has: `/50/api/push/p2p/more`. `/cpu`
 * returns the CPU time that this process has used, in microseconds.
 */
const END_OF_HEAD = Buffer.from('\r\n\r\n');
const answers = new Map<string, Buffer>();

function answerTo(path: string): Buffer {
  if (path === '/cpu') {
    const { user, system } = process.cpuUsage();
    return reply(user + system);
  }
  const known = answers.get(path);
  if (known !== undefined) return known;
  const recipients = Number(path.split('/')[1]);
  const packetIds = Array.from({ length: recipients }, (_, index) => `packet-${1_000_000_000 + index}`);
  const data = path.endsWith('more') ? { packetIds } : { packetId: packetIds[0] };
  const answer = reply({ code: 200, data, message: 'success' });
  answers.set(path, answer);
  return answer;
}

function reply(value: unknown): Buffer {
  const body = JSON.stringify(value);
  return Buffer.from(
    `HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\nConnection: keep-alive\r\n\r\n${body}`,
  );
}

function serve(socket: Socket): void {
  let head: Buffer = Buffer.alloc(0);
  let answer: Buffer | undefined;
  /** Bytes of the body that have not come yet. */
  let missing = 0;

  socket.setNoDelay(true).on('error', () => socket.destroy());
  socket.on('data', (chunk: Buffer) => {
    let rest = chunk;
    while (rest.length > 0 || (answer !== undefined && missing === 0)) {
      if (answer === undefined) {
        const seen = head.length === 0 ? rest : Buffer.concat([head, rest]);
        const end = seen.indexOf(END_OF_HEAD);
        head = end === -1 ? seen : Buffer.alloc(0);
        if (end === -1) return;
        const text = seen.toString('latin1', 0, end);
        answer = answerTo(text.slice(text.indexOf(' ') + 1, text.indexOf(' HTTP/')));
        missing = Number(/content-length: *(\d+)/i.exec(text)?.[1] ?? 0);
        rest = seen.subarray(end + END_OF_HEAD.length);
      }
      const taken = Math.min(missing, rest.length);
      missing -= taken;
      rest = rest.subarray(taken);
      if (missing > 0) return;
      socket.write(answer);
      answer = undefined;
    }
  });
}

const server = createServer(serve).listen(0, '127.0.0.1', () => {
  process.send?.(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
});
process.on('disconnect', () => process.exit());
