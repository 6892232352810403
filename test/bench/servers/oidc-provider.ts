// oidc-provider with everything kept in memory, without a bound.
import { makeKey, serveProvider, type Payload } from './provider.js';

/** Keeps every record of one model until it is destroyed, with lookups by user code and by uid. */
class UnboundedAdapter {
  readonly #records = new Map<string, Payload>();
  readonly #idByUserCode = new Map<string, string>();
  readonly #idByUid = new Map<string, string>();

  async upsert(id: string, payload: Payload): Promise<void> {
    this.#records.set(id, payload);
    if (payload.userCode) this.#idByUserCode.set(payload.userCode, id);
    if (payload.uid) this.#idByUid.set(payload.uid, id);
  }

  async find(id: string | undefined): Promise<Payload | undefined> {
    return id === undefined ? undefined : this.#records.get(id);
  }

  async findByUserCode(userCode: string): Promise<Payload | undefined> {
    return this.find(this.#idByUserCode.get(userCode));
  }

  async findByUid(uid: string): Promise<Payload | undefined> {
    return this.find(this.#idByUid.get(uid));
  }

  async consume(id: string): Promise<void> {
    const payload = this.#records.get(id);
    if (payload) payload.consumed = Math.floor(Date.now() / 1000);
  }

  async destroy(id: string): Promise<void> {
    const payload = this.#records.get(id);
    this.#records.delete(id);
    if (payload?.userCode) this.#idByUserCode.delete(payload.userCode);
    if (payload?.uid) this.#idByUid.delete(payload.uid);
  }

  async revokeByGrantId(grantId: string): Promise<void> {
    for (const [id, payload] of this.#records) if (payload.grantId === grantId) await this.destroy(id);
  }
}

serveProvider({ adapter: UnboundedAdapter, key: await makeKey() });
