import { get } from 'node:http';
import { json } from 'node:stream/consumers';
import { clients } from './clients.js';
import { cpuMicros, hammer, quantile } from './measure.js';
import { report } from './processes.js';

/** Measures one client: `<name> <url of the stub> <calls> <calls to warm up> <in flight>`. */
process.on('disconnect', () => process.exit());

const WARM_UP_IN_FLIGHT = 50;

const [name, stub, calls, warmUp, inFlight] = process.argv.slice(2);
const client = clients.find((one) => one.name === name);
if (client === undefined || stub === undefined) throw new Error(`There is no client '${name}'`);
const count = Number(calls);

const stubMicros = () =>
  new Promise<number>((resolve, reject) => {
    get(`${stub}/cpu`, (reply) => void json(reply).then((micros) => resolve(Number(micros)), reject)).on(
      'error',
      reject,
    );
  });

const { call, close } = await client.open(`${stub}/${client.recipients}`);
await hammer(call, Number(warmUp), WARM_UP_IN_FLIGHT);

const stubBefore = await stubMicros();
const cpuBefore = cpuMicros();
const begin = performance.now();
const latencies = await hammer(call, count, Number(inFlight));
const ms = performance.now() - begin;
const cpu = cpuMicros() - cpuBefore;
const stubCpu = (await stubMicros()) - stubBefore;

await close();
report({
  rate: (count / ms) * 1_000,
  cpu: cpu / count,
  p50: quantile(latencies, 0.5),
  p99: quantile(latencies, 0.99),
  rss: process.memoryUsage.rss() / 2 ** 20,
  stub: stubCpu / ms / 1_000,
});
