// The rooms of what tokens are bound to: services, by their audience, and keys, by proofs of possession. wiring-rooms.ts opens
// them among the others.
import type { Config } from './config.js';
import type { Clients } from './domain/clients.js';
import { createDpop } from './domain/dpop.js';
import { createServices } from './domain/services.js';
import { lastingAudience } from './domain/tokens-standing.js';
import type { Ground } from './wiring-ground.js';

export function openServiceRooms(
  { publicUrl: issuer, pinAudience, pinIssuer }: Config,
  ground: Ground,
  clients: Clients,
) {
  const { stores, keyring } = ground;
  const reserved = [issuer, `${issuer}/`, lastingAudience(issuer), pinAudience, pinIssuer];
  const services = createServices({ ...ground, store: stores.services, clients, issuer, reserved });
  const dpop = createDpop({ ...ground, nonceMacs: (slot) => keyring.macs('dpop-nonce', slot) });
  return { services, dpop };
}
