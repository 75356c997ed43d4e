import type { Redis } from 'ioredis';

/** What a server must be set to for the guarantees to hold when it restarts. */
const WANTED = [
  ['appendonly', 'yes'],
  ['appendfsync', 'always'],
  ['maxmemory-policy', 'noeviction'],
] as const;

/** What is to be warned of about a Redis server, in one sentence; undefined when it is set as it should be. */
export async function durabilityWarning(client: Redis): Promise<string | undefined> {
  const wrong: string[] = [];
  try {
    for (const [name, wanted] of WANTED) {
      const value = settingOf(await client.config('GET', name), name);
      if (value !== wanted) wrong.push(`${name} is ${value ?? 'not known'}, not ${wanted}`);
    }
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    return `Whether Redis keeps claims over a restart could not be checked (${why}); see MimcBroadcastQueue`;
  }
  if (wrong.length === 0) return undefined;
  return `Redis may forget claims when it restarts or runs full, and then recipients may get a message twice or not at all: ${wrong.join(', ')}`;
}

/** RESP2 answers with a list, RESP3 with a map. */
function settingOf(reply: unknown, name: string): string | undefined {
  const value: unknown = Array.isArray(reply) ? reply[1] : Reflect.get(Object(reply), name);
  return typeof value === 'string' ? value : undefined;
}
