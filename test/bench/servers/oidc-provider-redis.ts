// oidc-provider with everything kept in Redis, which its replicas share, and the key that signs their tokens too. What is sent in one turn
// of the event loop goes to Redis in one write.
import { Redis } from 'ioredis';
import type { JWK } from 'jose';
import { readOptions } from '../contract.js';
import { makeKey, serveProvider, type Payload } from './provider.js';

const { shared } = readOptions();
if (!shared) throw new Error('It needs a Redis.');
const redis = new Redis(shared.redisUrl, { enableAutoPipelining: true });

/** Keeps the records of one model until they expire or are destroyed, with lookups by user code and by uid. */
function createRedisAdapter(model: string) {
  const keyOf = (id: string): string => `${model}:${id}`;
  const userCodeKey = (userCode: string): string => `${model}:user-code:${userCode}`;
  const uidKey = (uid: string): string => `${model}:uid:${uid}`;
  const grantKey = (grantId: string): string => `grant:${grantId}`;

  async function find(id: string | null | undefined): Promise<Payload | undefined> {
    const kept = id ? await redis.get(keyOf(id)) : null;
    return kept === null ? undefined : (JSON.parse(kept) as Payload);
  }

  return {
    find,

    async upsert(id: string, payload: Payload, expiresIn: number): Promise<void> {
      const writes = redis.multi().set(keyOf(id), JSON.stringify(payload), 'EX', expiresIn);
      if (payload.userCode) writes.set(userCodeKey(payload.userCode), id, 'EX', expiresIn);
      if (payload.uid) writes.set(uidKey(payload.uid), id, 'EX', expiresIn);
      if (payload.grantId) writes.sadd(grantKey(payload.grantId), keyOf(id));
      if (payload.grantId) writes.expire(grantKey(payload.grantId), expiresIn);
      await writes.exec();
    },

    findByUserCode: async (userCode: string) => find(await redis.get(userCodeKey(userCode))),
    findByUid: async (uid: string) => find(await redis.get(uidKey(uid))),

    async consume(id: string): Promise<void> {
      const payload = await find(id);
      if (!payload) return;
      const consumed = Math.floor(Date.now() / 1000);
      await redis.set(keyOf(id), JSON.stringify({ ...payload, consumed }), 'KEEPTTL');
    },

    async destroy(id: string): Promise<void> {
      const payload = await find(id);
      const { userCode, uid } = payload ?? {};
      await redis.del([
        keyOf(id),
        ...(userCode ? [userCodeKey(userCode)] : []),
        ...(uid ? [uidKey(uid)] : []),
      ]);
    },

    async revokeByGrantId(grantId: string): Promise<void> {
      const keys = await redis.smembers(grantKey(grantId));
      await redis.del([grantKey(grantId), ...keys]);
    },
  };
}

/** The first that starts makes it. */
async function sharedKey(): Promise<JWK> {
  await redis.set('signing-key', JSON.stringify(await makeKey()), 'NX');
  return JSON.parse((await redis.get('signing-key'))!) as JWK;
}

serveProvider({ adapter: (model: string) => createRedisAdapter(model), key: await sharedKey() });
