// Connected accounts: which accounts elsewhere can sign in to this one, connecting another, and disconnecting one, each with a
// fresh proof in the same form. What it takes, and that the last way in stays, is decided in domain/account-identities.
import type { ConnectedIdentity } from '../../domain/identities.js';
import { DomainError, isRefusal } from '../../domain/vocabulary.js';
import { readQuery, type Form } from '../request.js';
import type { PagesDependencies } from './dependencies.js';
import { explain } from './errors.js';
import type { FederatedPages } from './federated.js';
import { proofFault, readProof, type AskedProof, type AskProof } from './proof-form.js';
import { faultOf, type PageFault, type Renderer } from './render.js';
import { formOf, leadTo, signedIn, visitorOf, type Entrance, type PageContext } from './visitor.js';

interface Dependencies extends Pick<PagesDependencies, 'accountIdentities' | 'guards'> {
  readonly asking: AskProof;
  readonly federated: Pick<FederatedPages, 'sendOn'>;
  readonly enter: Entrance;
  readonly renderer: Renderer;
}

const PAGE = '/account/security/identities';

export type IdentityPages = ReturnType<typeof createIdentityPages>;

export function createIdentityPages(dependencies: Dependencies) {
  const { accountIdentities, asking, guards, federated, enter, renderer } = dependencies;
  const { offers } = accountIdentities;

  const listOwn = (ctx: PageContext) => accountIdentities.listIdentities(signedIn(ctx).account.accountId);

  /** The named one, if it is this account's. Refuses `not-found`. */
  async function findMeant(ctx: PageContext, fields: Form): Promise<ConnectedIdentity> {
    const named = fields.get('identity');
    const meant = (await listOwn(ctx)).find(({ identityId }) => identityId === named);
    if (!meant) throw new DomainError('not-found');
    return meant;
  }

  function findOffer(fields: Form) {
    const offer = offers.find(({ name }) => name === fields.get('upstream'));
    if (!offer) throw new DomainError('not-found');
    return offer;
  }

  async function showConnect(ctx: PageContext, fields: Form, extra: object = {}): Promise<void> {
    const { name, label } = findOffer(fields);
    renderer.show(ctx, 'account/identity-connect', {
      title: visitorOf(ctx).language.t('identity-connect.title', { provider: label }),
      upstream: name,
      provider: label,
      asks: await asking.askedOf(ctx),
      ...extra,
    });
  }

  async function showDisconnect(
    ctx: PageContext,
    identity: ConnectedIdentity,
    extra: object = {},
  ): Promise<void> {
    const title = visitorOf(ctx).language.t('identity-disconnect.title', { provider: identity.label });
    renderer.show(ctx, 'account/identity-disconnect', {
      title,
      identity,
      asks: await asking.askedOf(ctx),
      ...extra,
    });
  }

  /** A refusal that stands beside the form: of the proof, or of the provider. */
  function faultBeside(ctx: PageContext, error: unknown, asks: AskedProof): PageFault | undefined {
    const { language } = visitorOf(ctx);
    const isShown = (['upstream-unavailable', 'last-way-in', 'too-many'] as const).some((code) =>
      isRefusal(error, code),
    );
    return isShown ? faultOf(language, error) : proofFault(ctx, error, asks);
  }

  return {
    /** For the security page: what is connected, in a sentence; undefined where this server knows no provider. */
    async describe(ctx: PageContext): Promise<readonly string[] | undefined> {
      const own = await listOwn(ctx);
      return offers.length === 0 && own.length === 0 ? undefined : own.map(({ label }) => label);
    },

    async show(ctx: PageContext): Promise<void> {
      renderer.show(ctx, 'account/identities', {
        title: visitorOf(ctx).language.t('identities.title'),
        width: 'wide',
        identities: await listOwn(ctx),
        offers,
      });
    },

    showConnect: (ctx: PageContext) => showConnect(ctx, readQuery(ctx)),

    async connect(ctx: PageContext): Promise<void> {
      const { session } = signedIn(ctx);
      const form = formOf(ctx);
      const { name: upstream } = findOffer(form);
      const asks = await asking.askedOf(ctx);
      const { proof, faults } = readProof(ctx, asks);
      if (!proof) return showConnect(ctx, form, { faults });
      const browserSecret = guards.cookies.read(ctx, 'round-trip');
      try {
        const asked = { upstream, journey: '', browserSecret };
        const begun = await accountIdentities.startConnecting(session, asked, proof, visitorOf(ctx).origin);
        enter(ctx, begun.issued);
        federated.sendOn(ctx, upstream, begun);
      } catch (error) {
        const fault = faultBeside(ctx, error, asks);
        if (!fault) throw error;
        await showConnect(ctx, form, { faults: [fault], status: explain(error).status });
      }
    },

    askDisconnect: async (ctx: PageContext) => showDisconnect(ctx, await findMeant(ctx, readQuery(ctx))),

    async disconnect(ctx: PageContext): Promise<void> {
      const { session } = signedIn(ctx);
      const identity = await findMeant(ctx, formOf(ctx));
      const asks = await asking.askedOf(ctx);
      const { proof, faults } = readProof(ctx, asks);
      if (!proof) return showDisconnect(ctx, identity, { faults });
      const { origin } = visitorOf(ctx);
      try {
        enter(ctx, await accountIdentities.disconnect(session, identity.identityId, proof, origin));
      } catch (error) {
        const fault = faultBeside(ctx, error, asks);
        if (!fault) throw error;
        return showDisconnect(ctx, identity, { faults: [fault], status: explain(error).status });
      }
      leadTo(ctx, `${PAGE}?notice=identity-disconnected`);
    },
  };
}
