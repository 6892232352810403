// The pages of federated sign-in, and their part of the table of routes; what comes for each provider of the settings is there
// once under its name. All other pages: routes.ts.
import type { AnswerPaths, Route } from './door.js';
import { createFederatedPages } from './federated.js';
import { createArrivalPages } from './federated-arrivals.js';
import { createIdentityPages } from './identities.js';

type Given = Parameters<typeof createFederatedPages>[0] &
  Parameters<typeof createArrivalPages>[0] &
  Omit<Parameters<typeof createIdentityPages>[0], 'federated'>;

type FederatedGroup = ReturnType<typeof createFederatedGroup>;

export function createFederatedGroup(given: Given) {
  const federated = createFederatedPages(given);
  const arrivals = createArrivalPages(given);
  return { federated, arrivals, identities: createIdentityPages({ ...given, federated }) };
}

/** Other providers that people sign in through: on the way there, back, and arrived. */
export function federatedTable(pages: FederatedGroup, names: readonly string[]): readonly Route[] {
  const { federated, arrivals, identities } = pages;
  return [
    ['POST', '/federated', 'anyone', federated.start],
    ...names.flatMap((name): Route[] => [
      ['GET', `/federated/${name}/callback`, 'anyone', federated.comeBack(name)],
      ['POST', `/federated/${name}/callback`, 'anyone', federated.handOn(name)],
      ['POST', `/federated/${name}/return`, 'anyone', federated.comeBackByForm(name)],
    ]),
    ['GET', '/federated/new', 'anyone', arrivals.showNew],
    ['POST', '/federated/new', 'anyone', arrivals.open],
    ['GET', '/federated/known', 'anyone', arrivals.showKnown],
    ['GET', '/federated/connect', 'connect', arrivals.showConnect],
    ['POST', '/federated/connect', 'connect', arrivals.connect],
    ['GET', '/account/security/identities', 'identities', identities.show],
    ['GET', '/account/security/identities/connect', 'identities', identities.showConnect],
    ['POST', '/account/security/identities/connect', 'identities', identities.connect],
    ['GET', '/account/security/identities/disconnect', 'identities', identities.askDisconnect],
    ['POST', '/account/security/identities/disconnect', 'identities', identities.disconnect],
  ];
}

/** Their answers carry no field of ours: from their own page, and handed on by ours. */
export const answersOf = (names: readonly string[]): AnswerPaths =>
  new Map(
    names.flatMap((name): [string, { isHandedOn: boolean }][] => [
      [`/federated/${name}/callback`, { isHandedOn: false }],
      [`/federated/${name}/return`, { isHandedOn: true }],
    ]),
  );
