// Who may change a household: its owner, who has proved a moment ago who they are, or a tool's token that is as young. Whatever
// asks for an editor can be reached in no other way: a browser or a token that was switched to a member never gets one.
// DESIGN 8; PIN-API "Decided".
import type { Session, Sessions } from './sessions.js';
import type { LastingStanding } from './tokens-lasting.js';
import { isSwitched } from './tokens-claims.js';
import { DomainError, type AccountId, type Clock, type Origin } from './vocabulary.js';

declare const brand: unique symbol;

export interface Editor {
  readonly [brand]: true;
  readonly accountId: AccountId;
  /** Whether what was proved is fresh enough: edits are refused with `proof-required` where it is not. */
  readonly isFresh: boolean;
  /** The tool whose token asks; undefined in a browser. */
  readonly tool: { readonly clientId: string; readonly name: string } | undefined;
  readonly origin: Origin;
}

/** PIN-API "Decided": no older than ten minutes, as a step-up. */
const FRESH_TOKEN_SECONDS = 600;

export interface EditorsDependencies {
  readonly sessions: Pick<Sessions, 'hasFreshProof'>;
  readonly hasSecondFactor: (accountId: AccountId) => Promise<boolean>;
  readonly now: Clock;
}

export type Editors = ReturnType<typeof createEditors>;

export function createEditors({ sessions, hasSecondFactor, now }: EditorsDependencies) {
  const make = (facts: Omit<Editor, typeof brand>): Editor => facts as Editor;

  return {
    /** In a browser: fresh within ten minutes of a proof, the second factor where the account has one. */
    async editorOf(session: Session, origin: Origin): Promise<Editor> {
      const { accountId } = session;
      const kind = (await hasSecondFactor(accountId)) ? 'second-factor' : 'any';
      return make({ accountId, isFresh: sessions.hasFreshProof(session, { kind }), tool: undefined, origin });
    },

    /**
     * With a token of the account itself. Refuses `member-may-not` for one that was switched, or speaks for a member;
     * `proof-required` for one that is older than ten minutes, renews itself with a key, came in with an app password, or was
     * linked by another tool's token: its minutes are not those of a person who proved anything.
     */
    editorOfToken({ kind, tool }: LastingStanding, origin: Origin): Editor {
      const { accountId, clientId, name } = tool;
      const isOwn = (tool.subjectId as string) === accountId && !isSwitched(tool);
      if (!isOwn) throw new DomainError('member-may-not');
      const age = now().getTime() - tool.linkedAt.getTime();
      const isYoung = age >= 0 && age <= FRESH_TOKEN_SECONDS * 1000;
      const isOfPerson = tool.bornWith !== 'app-password' && tool.parentToolId === undefined;
      if (!isYoung || kind !== 'lasting' || !isOfPerson) throw new DomainError('proof-required');
      return make({ accountId, isFresh: true, tool: { clientId, name }, origin });
    },
  };
}

/** Refuses `proof-required`. */
export function refuseStale(editor: Editor): void {
  if (!editor.isFresh) throw new DomainError('proof-required');
}

/** Who is remembered to have done it. */
export const actorOf = ({ tool, accountId }: Editor): string => tool?.clientId ?? accountId;

/** The same, for a tool that ends by it. */
export const endedBy = (editor: Editor) => ({ actor: actorOf(editor), origin: editor.origin });
