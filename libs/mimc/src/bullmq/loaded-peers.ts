import { loadPeers } from './peers.cjs';

/** The peers of this entry; without them it throws as it is imported, and says what to install. */
export const { bullmq, ioredis } = loadPeers();
