// How the request of a tool that sends its person along begins: in the address that the browser is sent to, or pushed ahead and
// taken up by its name, by two browsers at once; and by others, who may not. RFC 6749 §4.1.1; RFC 9126 §2, §4, §7.3; RFC 9449 §10.1.
import { createHash, randomUUID } from 'node:crypto';
import type { Answer } from './asking.js';
import type { History, Op, Outcome } from './history.js';
import { jsonOf, judged, pick, wrong, type ToolRequests, type Where } from './tool-requests.js';

export interface BeginningDependencies {
  readonly history: History;
  readonly clientId: string;
  /** Another tool. */
  readonly strangerId: string;
  readonly redirectUri: string;
  readonly verifier: string;
  readonly keyThumbprint: string | undefined;
  readonly isPushed: boolean;
  readonly browse: (replica: number, path: string) => Promise<Answer>;
  readonly post: ToolRequests['post'];
}

type Begun = { readonly outcome: Outcome; readonly handle?: string };
export type Started = { readonly op: Op; readonly handle: string | undefined };

export function createBeginning(dependencies: BeginningDependencies) {
  const { history, clientId, strangerId, redirectUri, verifier, browse, post } = dependencies;
  const request = () => ({
    ...{ response_type: 'code', redirect_uri: redirectUri, scope: 'openid', state: randomUUID() },
    ...{ code_challenge: createHash('sha256').update(verifier).digest('base64url') },
    code_challenge_method: 'S256',
  });

  async function begin(replica: number, fields: Readonly<Record<string, string>>): Promise<Begun> {
    const answer = await browse(replica, `/oauth/authorize?${new URLSearchParams(fields).toString()}`);
    if (answer.kind !== 'answer') return { outcome: judged(answer, wrong) };
    const to = new URL(answer.headers.location ?? '/', 'http://here');
    const handle = to.searchParams.get('request');
    if (answer.status === 303 && handle) return { handle, outcome: { said: 'done' } };
    if (to.pathname !== '/authorize/refused') return { outcome: judged(answer, wrong) };
    const isOver = fields['request_uri'] !== undefined && to.searchParams.get('why') === 'request';
    if (isOver) return { outcome: { said: 'gone' } };
    return { outcome: judged(await browse(replica, to.pathname + to.search), wrong) };
  }

  /** What is recorded of it, and the handle that came of it. */
  async function recorded(
    about: Parameters<History['record']>[0],
    work: () => Promise<Begun>,
  ): Promise<Started> {
    const held: { handle?: string } = {};
    const op = await history.record(about, async () => {
      const { outcome, handle } = await work();
      if (handle !== undefined) held.handle = handle;
      return outcome;
    });
    return { op, handle: held.handle };
  }

  const beginInAddress = (where: Where): Promise<Started> => {
    const { keyThumbprint } = dependencies;
    const bound = keyThumbprint === undefined ? {} : { dpop_jkt: keyThumbprint };
    const fields = { ...request(), client_id: clientId, ...bound };
    return recorded({ act: 'start', ...pick(where) }, () => begin(where.replica, fields));
  };

  /** Resolves to what names it, too. A proof of the tool's key comes with it, where it has one. */
  const push = (where: Where): Promise<Started> =>
    recorded({ act: 'start', ...pick(where) }, async () => {
      const held: { handle?: string } = {};
      const outcome = judged(await post(where, '/oauth/par', request()), (answer) => {
        const { request_uri: name } = jsonOf(answer);
        if (answer.status !== 201 || name === undefined) return wrong(answer);
        held.handle = name;
        return { said: 'done' };
      });
      return { ...held, outcome };
    });

  async function beginPushed(where: Where, elsewhere: number): Promise<Started> {
    const pushed = await push(where);
    const { handle: shown } = pushed;
    if (shown === undefined) return pushed;
    const { story } = where;
    const takeUp = (replica: number, client = clientId) =>
      begin(replica, { client_id: client, request_uri: shown });
    const misuse = (how: string, client?: string): Promise<Started> =>
      recorded({ act: 'misuse', story, replica: elsewhere, shown, how }, async () => {
        const { outcome } = await takeUp(elsewhere, client);
        return { outcome: outcome.said === 'gone' ? { said: 'refused' } : outcome };
      });
    await misuse('as another tool', strangerId);
    const begun = await Promise.all(
      [where.replica, elsewhere].map((replica) =>
        recorded({ act: 'begin', story, replica, shown }, () => takeUp(replica)),
      ),
    );
    const first = begun.find(({ handle }) => handle !== undefined);
    if (first) await misuse('a second time');
    return first ?? begun[0]!;
  }

  return (where: Where, elsewhere: number): Promise<Started> =>
    dependencies.isPushed ? beginPushed(where, elsewhere) : beginInAddress(where);
}
