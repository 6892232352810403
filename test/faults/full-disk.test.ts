// A disk that something else has filled, really: a small file system in memory, where root may mount one, and else a database that
// may not grow, which SQLite reports alike. Writes are 503 and leave nothing half done; what only reads goes on; when there is
// room again, everything goes on without a restart (CHECKLIST 4, disk full). Each kind of write by itself: test/http.
import { execFileSync } from 'node:child_process';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expectRefusal, startOAuthHouse, type OAuthHouse, type Tokens } from '../http/oauth-house.js';
import { newFolder } from '../support/folder.js';

const MEGABYTES = 16;
const LINKS = 12;
const MOST_STARTED = 4000;

interface SmallDisk {
  readonly open: () => Promise<OAuthHouse>;
  readonly fill: (house: OAuthHouse) => Promise<void>;
  readonly free: (house: OAuthHouse) => Promise<void>;
  readonly remove: () => void;
}

const run = (...[program, ...parts]: [string, ...string[]]): void =>
  void execFileSync(program, parts, { stdio: 'ignore' });
const mount = (folder: string): void =>
  run('mount', '-t', 'tmpfs', '-o', `size=${MEGABYTES}m,mode=700`, 'tmpfs', folder);

/** It takes root, and a machine that lets root do it. */
function mayMount(): boolean {
  const folder = newFolder('small-disk');
  try {
    mount(folder);
    run('umount', folder);
    return true;
  } catch {
    return false;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function createSmallFileSystem(): SmallDisk {
  const folder = newFolder('small-disk');
  const filler = join(folder, 'something-else');
  const config = { dataDir: join(folder, 'data'), databaseFile: join(folder, 'data', 'linchpin.sqlite') };
  return {
    open() {
      mount(folder);
      return startOAuthHouse({ config });
    },
    async fill() {
      mkdirSync(filler);
      // In ever smaller pieces, down to what no page is left for.
      for (let bytes = 2 ** 20, number = 0; bytes >= 1; number++) {
        try {
          writeFileSync(join(filler, String(number)), Buffer.alloc(bytes));
        } catch {
          bytes = Math.floor(bytes / 4);
        }
      }
    },
    free: async () => rmSync(filler, { recursive: true }),
    remove() {
      run('umount', folder);
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

const createBoundDatabase = (): SmallDisk => ({
  open: () => startOAuthHouse({ maxPages: 400 }),
  fill: ({ disk }) => disk.fill(),
  free: async ({ disk }) => void (await disk.free()),
  remove: () => undefined,
});

const isMounted = mayMount();
const kind = isMounted
  ? `a file system of ${MEGABYTES} MB`
  : 'a database that may not grow, since no file system may be mounted here';

describe(`a full disk: ${kind}`, () => {
  const small = isMounted ? createSmallFileSystem() : createBoundDatabase();
  let house: OAuthHouse;
  beforeAll(async () => void (house = await small.open()));
  afterAll(async () => {
    await house.close();
    small.remove();
  });

  interface Approved {
    readonly clientId: string;
    readonly device_code: string;
  }

  async function approved(clientId: string): Promise<Approved> {
    const { device_code, user_code } = await house.start(clientId);
    await house.approve(user_code);
    return { clientId, device_code };
  }

  const inTurn = async <Item, Result>(items: readonly Item[], work: (item: Item) => PromiseLike<Result>) => {
    const results: Result[] = [];
    for (const item of items) results.push(await work(item));
    return results;
  };

  /** What is there already may be written over: links are started until one does not fit. */
  async function startUntilFull(clientId: string): Promise<void> {
    for (let started = 0; started < MOST_STARTED; started++) {
      const answer = await house.post('/oauth/device_authorization', { client_id: clientId });
      if (answer.status === 200) continue;
      expectRefusal(answer, 503, 'temporarily_unavailable');
      expect(answer.headers['retry-after']).toMatch(/^[1-9]\d*$/);
      return;
    }
    throw new Error('it does not run full');
  }

  it('refuses what it cannot write, tells what it knows, and goes on where it was once there is room', async () => {
    const clientId = await house.register();
    const revocable = await inTurn(Array.from({ length: LINKS }), () => house.link());
    const links = await inTurn(Array.from({ length: LINKS }), () => approved(clientId));
    await small.fill(house);
    await startUntilFull(clientId);

    const redeem = ({ device_code }: Approved) => house.poll(clientId, device_code);
    const revoke = (tool: Tokens & { clientId: string }) =>
      house.post('/oauth/revoke', { client_id: tool.clientId, token: tool.refresh_token });
    const use = async ({ access_token }: Tokens): Promise<number> => {
      const header = { Authorization: `Bearer ${access_token}` };
      return (await house.request.get('/oauth/userinfo').set(header)).status;
    };
    // What only reads goes on.
    expect(new Set(await inTurn(revocable, use))).toEqual(new Set([200]));
    await house.request.get('/.well-known/jwks.json').expect(200);
    await house.request.get('/readyz').expect(200);

    const redeemed = (await inTurn(links, redeem)).map(({ status }) => status);
    const revoked = (await inTurn(revocable, revoke)).map(({ status }) => status);
    for (const statuses of [redeemed, revoked]) {
      expect(statuses).toContain(503);
      expect(statuses.filter((status) => status !== 503 && status !== 200)).toEqual([]);
    }

    await small.free(house);
    // Once each: a 200 was one, and a 503 was none.
    const again = (await inTurn(links, redeem)).map(({ status }) => status);
    expect(again).toEqual(redeemed.map((status) => (status === 503 ? 200 : 400)));
    expect(await inTurn(revocable, use)).toEqual(revoked.map((status) => (status === 503 ? 200 : 401)));
    expect(new Set((await inTurn(revocable, revoke)).map(({ status }) => status))).toEqual(new Set([200]));
    expect(new Set(await inTurn(revocable, use))).toEqual(new Set([401]));
    const tools = await house.stores.tokens.findLinkedTools(await house.accountOf('anna'));
    expect(tools).toHaveLength(LINKS);
  }, 120_000);
});
