// What every form of the household begins with: a proof that is fresh enough, or the way to one and back. Which edits take one,
// and how fresh it must be, is decided in domain/household-editor.
import type { Editor } from '../../domain/household-editor.js';
import { DomainError } from '../../domain/vocabulary.js';
import type { PagesDependencies } from './dependencies.js';
import { findOwn, type ShownMember } from './household-words.js';
import { journeyQuery, type Journey } from './journey.js';
import { leadTo, signedIn, visitorOf, type PageContext } from './visitor.js';

export type HouseholdEditing = ReturnType<typeof createHouseholdEditing>;

export function createHouseholdEditing({ household }: Pick<PagesDependencies, 'household'>) {
  const editorOf = (ctx: PageContext): Promise<Editor> =>
    household.editorOf(signedIn(ctx).session, visitorOf(ctx).origin);

  return {
    editorOf,

    /** Who edits; undefined once this request has been led to prove it once more, and from there back to `journey`. */
    async freshEditor(ctx: PageContext, journey: Journey): Promise<Editor | undefined> {
      const editor = await editorOf(ctx);
      if (editor.isFresh) return editor;
      leadTo(ctx, `/step-up${journeyQuery(journey)}`);
      return undefined;
    },

    /** The visitor in their household, which need not exist yet. */
    async findOwn(ctx: PageContext): Promise<ShownMember> {
      const visitor = signedIn(ctx);
      return findOwn(visitor, await household.findHousehold(visitor.session.subjectId));
    },

    /** Refuses `member-may-not` to who lives in somebody else's household. */
    async refuseUnlessOwner(ctx: PageContext): Promise<void> {
      const visitor = signedIn(ctx);
      const own = findOwn(visitor, await household.findHousehold(visitor.session.subjectId));
      if (own.kind !== 'owner') throw new DomainError('member-may-not');
    },

    /** Somebody of the visitor's household, perhaps they themselves. Refuses `not-found`. */
    findAny: (ctx: PageContext, named: string | undefined): Promise<ShownMember> =>
      household.findMember(signedIn(ctx).session.subjectId, { subjectId: named ?? '' }),

    /** Somebody of the visitor's household, other than they themselves. Refuses `not-found`. */
    async findOther(ctx: PageContext, named: string | undefined): Promise<ShownMember> {
      const { subjectId } = signedIn(ctx).session;
      const member = await household.findMember(subjectId, { subjectId: named ?? '' });
      if (member.subjectId === subjectId) throw new DomainError('not-found');
      return member;
    },
  };
}
