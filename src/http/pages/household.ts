// The household on its page: who is in it, the guest's switch, and leaving it. Adding and changing members, profile PINs,
// invitations and switching have pages of their own; what anybody may do is decided in domain/household.
import type { PagesDependencies } from './dependencies.js';
import type { HouseholdEditing } from './household-editing.js';
import { findOwn, presentMember } from './household-words.js';
import { addressOf } from './journey.js';
import type { Renderer } from './render.js';
import { formOf, leadTo, signedIn, visitorOf, type PageContext } from './visitor.js';

interface Dependencies extends Pick<PagesDependencies, 'household' | 'householdInvitations' | 'profilePins'> {
  readonly editing: HouseholdEditing;
  readonly renderer: Renderer;
}

const PAGE = addressOf('household');

export function createHouseholdPages(dependencies: Dependencies) {
  const { household, householdInvitations, profilePins, editing, renderer } = dependencies;

  return {
    async show(ctx: PageContext): Promise<void> {
      const { language } = visitorOf(ctx);
      const visitor = signedIn(ctx);
      const { accountId } = visitor.account;
      const found = await household.findHousehold(visitor.session.subjectId);
      const own = findOwn(visitor, found);
      const isOwner = own.kind === 'owner';
      const locked = isOwner ? await profilePins.findLocked(accountId) : [];
      const members = found?.members ?? [own];
      renderer.show(ctx, 'household/household', {
        title: language.t('household.title'),
        width: 'wide',
        isOwner,
        owner: members[0] && presentMember(members[0], language).name,
        members: members.map((member) => ({
          ...presentMember(member, language),
          isOwn: member.subjectId === own.subjectId,
          isLocked: locked.includes(member.subjectId),
        })),
        hasGuest: members.some(({ kind }) => kind === 'guest'),
        invitations: isOwner ? await householdInvitations.listInvitations(accountId) : [],
      });
    },

    async turnGuest(ctx: PageContext): Promise<void> {
      const turn = formOf(ctx).get('turn');
      if (turn !== 'on' && turn !== 'off') return leadTo(ctx, PAGE);
      const editor = await editing.freshEditor(ctx, { place: 'household' });
      if (!editor) return;
      await household.turnGuest(editor, turn === 'on');
      leadTo(ctx, `${PAGE}?notice=guest-${turn}`);
    },

    async askLeave(ctx: PageContext): Promise<void> {
      const { language } = visitorOf(ctx);
      const found = await household.findHousehold(signedIn(ctx).session.subjectId);
      const owner = found?.members[0];
      if (!owner || owner.accountId === signedIn(ctx).account.accountId) return leadTo(ctx, PAGE);
      const { name } = presentMember(owner, language);
      renderer.show(ctx, 'household/leave', { title: language.t('household-leave.title'), owner: name });
    },

    async leave(ctx: PageContext): Promise<void> {
      await household.leaveHousehold(signedIn(ctx).session, visitorOf(ctx).origin);
      leadTo(ctx, `${PAGE}?notice=household-left`);
    },
  };
}
