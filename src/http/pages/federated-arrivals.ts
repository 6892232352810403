// Who has come back from another provider and has no account here that is connected: making one, with a user name and nothing
// else to choose; or, where the address has an account, signing in to that and connecting. What may be made or connected is
// decided in domain/sign-in-federated and domain/account-identities.
import { DomainError, isRefusal, type DomainErrorCode } from '../../domain/vocabulary.js';
import type { Arrived } from '../../domain/identities.js';
import type { PagesDependencies } from './dependencies.js';
import { explain, refusalAnswers } from './errors.js';
import { unpackJourney } from './federated.js';
import { journeyQuery, type Journey, type Journeys } from './journey.js';
import type { PendingCodes } from './pending-code.js';
import { proofFault, readProof, type AskProof } from './proof-form.js';
import { faultOf, formFault, type Renderer } from './render.js';
import type { SignInPages } from './sign-in.js';
import { formOf, leadTo, signedIn, visitorOf, type Entrance, type PageContext } from './visitor.js';

interface Dependencies extends Pick<
  PagesDependencies,
  'federatedSignIn' | 'accountIdentities' | 'settings' | 'guards'
> {
  readonly asking: AskProof;
  readonly signInPages: Pick<SignInPages, 'finish'>;
  readonly pendingCodes: PendingCodes;
  readonly journeys: Journeys;
  readonly enter: Entrance;
  readonly renderer: Renderer;
}

const FIELDS: Partial<Record<DomainErrorCode, string>> = {
  'account-name-taken': 'username',
  'account-name-invalid': 'username',
  'email-invalid': 'email',
  'too-many': 'username',
};

/** What is left of a name once it has the letters of a user name; empty for nothing of use. */
function nameFrom({ person: { suggestedName } }: Arrived): string {
  const cleaned = suggestedName
    .normalize('NFKC')
    .replace(/[^\p{L}\p{N}._-]+/gu, '.')
    .replace(/^[^\p{L}\p{N}]+|[^\p{L}\p{N}]+$/gu, '')
    .slice(0, 32);
  return cleaned.length < 2 ? '' : cleaned;
}

export function createArrivalPages(dependencies: Dependencies) {
  const { federatedSignIn, accountIdentities, asking, settings, guards } = dependencies;
  const { signInPages, pendingCodes, journeys, enter, renderer } = dependencies;
  const { cookies } = guards;

  const tokenOf = (ctx: PageContext): string => cookies.read(ctx, 'arrival') ?? '';

  async function requireArrival(ctx: PageContext): Promise<{ arrived: Arrived; journey: Journey }> {
    const arrived = await federatedSignIn.findArrival(tokenOf(ctx));
    if (!arrived) throw new DomainError('upstream-stale');
    return { arrived, journey: unpackJourney(arrived.journey) };
  }

  async function showNew(ctx: PageContext, extra: object = {}): Promise<void> {
    const { arrived, journey } = await requireArrival(ctx);
    const { upstream, person } = arrived;
    const provider = upstream.label;
    renderer.show(ctx, 'federated/new', {
      title: visitorOf(ctx).language.t('federated-new.title'),
      provider,
      email: person.email,
      isEmailVerified: person.isEmailVerified,
      username: nameFrom(arrived),
      maySendMail: settings.maySendMail,
      reminder: journeys.reminder(ctx, journey),
      query: journeyQuery({ ...journey, place: 'connect' }),
      ...extra,
    });
  }

  async function showConnect(ctx: PageContext, extra: object = {}): Promise<void> {
    const { arrived, journey } = await requireArrival(ctx);
    const provider = arrived.upstream.label;
    renderer.show(ctx, 'federated/connect', {
      title: visitorOf(ctx).language.t('identity-connect.title', { provider }),
      provider,
      shownAs: arrived.person.email || arrived.person.suggestedName,
      asks: await asking.askedOf(ctx),
      leave: journeys.destination(ctx, journey),
      ...extra,
    });
  }

  return {
    showNew: (ctx: PageContext) => showNew(ctx),

    async open(ctx: PageContext): Promise<void> {
      const { language, origin } = visitorOf(ctx);
      const { arrived, journey } = await requireArrival(ctx);
      const form = formOf(ctx);
      const username = form.get('username');
      const email = form.get('email');
      const asksEmail = !arrived.person.isEmailVerified;
      const missing = [
        ...(username === undefined ? ['username'] : []),
        ...(asksEmail && email === undefined ? ['email'] : []),
      ].map((name) => formFault(language, name, `${name}-missing`));
      const typed = { username, ...(asksEmail ? { email } : {}) };
      if (missing.length > 0) return showNew(ctx, { faults: missing, ...typed });
      const userCode = journey.broughtCode ?? pendingCodes.find(ctx)?.userCode;
      try {
        const asked = { username: username ?? '', email, language: language.tag, userCode };
        const issued = await federatedSignIn.openAccount(tokenOf(ctx), asked, origin);
        cookies.clear(ctx, 'arrival');
        await signInPages.finish(ctx, issued, journey);
      } catch (error) {
        const field = isRefusal(error) ? FIELDS[error.code] : undefined;
        if (field === undefined) throw error;
        await showNew(ctx, {
          faults: [faultOf(language, error, field)],
          status: explain(error).status,
          ...typed,
        });
      }
    },

    /** An account has proved the address: its owner signs in to it first. */
    async showKnown(ctx: PageContext): Promise<void> {
      const { arrived, journey } = await requireArrival(ctx);
      renderer.show(ctx, 'federated/known', {
        title: visitorOf(ctx).language.t('federated-known.title'),
        provider: arrived.upstream.label,
        email: arrived.person.email,
        reminder: journeys.reminder(ctx, journey),
        query: journeyQuery({ ...journey, place: 'connect' }),
      });
    },

    showConnect: (ctx: PageContext) => showConnect(ctx),

    async connect(ctx: PageContext): Promise<void> {
      const { journey } = await requireArrival(ctx);
      const asks = await asking.askedOf(ctx);
      const { proof, faults } = readProof(ctx, asks);
      if (!proof) return showConnect(ctx, { faults });
      const { session } = signedIn(ctx);
      try {
        enter(
          ctx,
          await accountIdentities.connectArrival(session, tokenOf(ctx), proof, visitorOf(ctx).origin),
        );
      } catch (error) {
        if (isRefusal(error, 'identity-taken')) {
          cookies.clear(ctx, 'arrival');
          return renderer.showAnswer(ctx, refusalAnswers['identity-taken']);
        }
        const fault = proofFault(ctx, error, asks);
        if (!fault) throw error;
        return showConnect(ctx, { faults: [fault], status: explain(error).status });
      }
      cookies.clear(ctx, 'arrival');
      const isBound =
        journey.place !== undefined || journey.broughtCode !== undefined || pendingCodes.find(ctx);
      const onwards = isBound ? journeys.destination(ctx, journey) : '/account/security/identities';
      leadTo(ctx, `${onwards}${onwards.includes('?') ? '&' : '?'}notice=identity-connected`);
    },
  };
}
