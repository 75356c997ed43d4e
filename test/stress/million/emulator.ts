import { MimcEmulator } from 'nestjs-mimc/testing';

/** A process of its own: its ledger must not count as memory of the broadcast. */
const mimc = await MimcEmulator.start({ ledger: 'counts' });

process.on('message', ({ first, count }: { first: number; count: number }) => {
  const people = Array.from({ length: count }, (_, index) => mimc.count(`user-${first + index}`));
  process.send?.(people);
});
process.on('disconnect', () => void mimc.close());
process.send?.({ url: mimc.url, credentials: mimc.credentials });
