// The public keys, for anyone who verifies a token: those that sign, those that will, those that did. RFC 7517 §5.
import type { RequestContext } from '../guards.js';
import { KEPT_FOR_SECONDS } from './metadata.js';
import type { Keys } from '../../domain/keys.js';

export interface JwksDependencies {
  readonly keys: Pick<Keys, 'published'>;
}

export function createJwks({ keys }: JwksDependencies) {
  return async (ctx: RequestContext): Promise<void> => {
    ctx.remove('Pragma');
    ctx.set('Cache-Control', `public, max-age=${KEPT_FOR_SECONDS}`);
    ctx.body = { keys: keys.published() };
  };
}
