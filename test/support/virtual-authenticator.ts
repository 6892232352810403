// An authenticator that the browser has without a device: Chromium's own, for tests (CDP, WebAuthn domain).
import type { CDPSession, Page } from 'playwright-core';

export interface VirtualAuthenticator {
  readonly isVerifying?: boolean;
}

/** Gives the page's browser an authenticator of its own (CDP, WebAuthn domain). */
export async function addVirtualAuthenticator(page: Page, { isVerifying = true }: VirtualAuthenticator = {}) {
  const session: CDPSession = await page.context().newCDPSession(page);
  await session.send('WebAuthn.enable');
  const { authenticatorId } = await session.send('WebAuthn.addVirtualAuthenticator', {
    options: {
      protocol: 'ctap2',
      transport: 'internal',
      hasResidentKey: true,
      hasUserVerification: isVerifying,
      isUserVerified: isVerifying,
      automaticPresenceSimulation: true,
    },
  });
  return {
    credentials: async () => (await session.send('WebAuthn.getCredentials', { authenticatorId })).credentials,
    remove: () => session.send('WebAuthn.removeVirtualAuthenticator', { authenticatorId }),
  };
}
