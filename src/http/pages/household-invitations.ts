// Somebody with an account of their own in the household: invited by mail from the page of the owner, and asked on a page that
// the mail leads to, where they accept or decline signed in to the account that was meant. Opening the address changes nothing.
// What an invitation is worth is decided in domain/household-invitations.
import { isRefusal } from '../../domain/vocabulary.js';
import { readQuery } from '../request.js';
import type { PagesDependencies } from './dependencies.js';
import { explain } from './errors.js';
import type { HouseholdEditing } from './household-editing.js';
import { addressOf, journeyQuery } from './journey.js';
import { faultOf, formFault, type Renderer } from './render.js';
import { formOf, leadTo, signedIn, visitorOf, type PageContext } from './visitor.js';

interface Dependencies extends Pick<PagesDependencies, 'householdInvitations' | 'settings'> {
  readonly editing: HouseholdEditing;
  readonly renderer: Renderer;
}

const HOUSEHOLD = addressOf('household');

export function createInvitationPages(dependencies: Dependencies) {
  const { householdInvitations, settings, editing, renderer } = dependencies;

  function showInvite(ctx: PageContext, extra: object = {}): void {
    renderer.show(ctx, 'household/invite', {
      title: visitorOf(ctx).language.t('invite.title'),
      maySendMail: settings.maySendMail,
      ...extra,
    });
  }

  /** It went to another address: whose, it does not say, but who is signed in here, and how to be somebody else. */
  function showNotYours(ctx: PageContext, error: unknown): void {
    const { title, text } = faultOf(visitorOf(ctx).language, error);
    renderer.show(ctx, 'household/invitation-not-yours', { title, text, status: explain(error).status });
  }

  /** Leads on to the sign-in, and from there back to the invitation. True when it did. */
  function leadsToSignIn(ctx: PageContext, mailToken: string): boolean {
    const { session, account } = visitorOf(ctx);
    if (!session) leadTo(ctx, `/sign-in${journeyQuery({ place: 'invitation', mailToken })}`);
    else if (account?.mayOnlyVerify) leadTo(ctx, '/verify-email');
    else return false;
    return true;
  }

  return {
    async showInvite(ctx: PageContext): Promise<void> {
      await editing.refuseUnlessOwner(ctx);
      if (await editing.freshEditor(ctx, { place: 'invite' })) showInvite(ctx);
    },

    async invite(ctx: PageContext): Promise<void> {
      const { language } = visitorOf(ctx);
      const editor = await editing.freshEditor(ctx, { place: 'invite' });
      if (!editor) return;
      const email = formOf(ctx).get('email');
      if (email === undefined)
        return showInvite(ctx, { faults: [formFault(language, 'email', 'email-missing')] });
      try {
        await householdInvitations.inviteToHousehold(editor, email);
      } catch (error) {
        const isShown = (['email-invalid', 'household-full', 'too-many'] as const).some((code) =>
          isRefusal(error, code),
        );
        if (!isShown) throw error;
        const faults = [faultOf(language, error, 'email')];
        return showInvite(ctx, { faults, status: explain(error).status, email });
      }
      leadTo(ctx, `${HOUSEHOLD}?notice=invited`);
    },

    /** One that has run out meanwhile is as good as withdrawn. */
    async withdraw(ctx: PageContext): Promise<void> {
      const editor = await editing.freshEditor(ctx, { place: 'household' });
      if (!editor) return;
      try {
        await householdInvitations.withdrawInvitation(editor, formOf(ctx).get('invitation') ?? '');
      } catch (error) {
        if (!isRefusal(error, 'not-found')) throw error;
      }
      leadTo(ctx, `${HOUSEHOLD}?notice=invitation-withdrawn`);
    },

    async show(ctx: PageContext): Promise<void> {
      const token = readQuery(ctx).get('token') ?? '';
      if (leadsToSignIn(ctx, token)) return;
      const title = visitorOf(ctx).language.t('invitation.title');
      try {
        const found = await householdInvitations.findInvitation(signedIn(ctx).session, token);
        renderer.show(ctx, 'household/invitation', { title, ...found, token });
      } catch (error) {
        if (!isRefusal(error, 'invitation-not-yours')) throw error;
        showNotYours(ctx, error);
      }
    },

    async decide(ctx: PageContext): Promise<void> {
      const form = formOf(ctx);
      const token = form.get('token') ?? '';
      const decision = form.get('decision');
      if (leadsToSignIn(ctx, token)) return;
      const { session } = signedIn(ctx);
      const { origin } = visitorOf(ctx);
      if (decision === 'accept') {
        await householdInvitations.acceptInvitation(session, token, origin);
        return leadTo(ctx, `${HOUSEHOLD}?notice=household-joined`);
      }
      if (decision === 'decline') {
        await householdInvitations.declineInvitation(session, token, origin);
        return leadTo(ctx, '/account?notice=invitation-declined');
      }
      leadTo(ctx, `${addressOf('invitation')}?${new URLSearchParams({ token }).toString()}`);
    },
  };
}
