// A tool in a page: the script plays it against the same endpoints that any tool uses. The server only gives it a
// client id and draws the QR code of an address of its own.
import QRCode from 'qrcode';
import { presentUserCode, readUserCode } from '../../domain/user-code.js';
import { readQuery } from '../request.js';
import type { PagesDependencies } from './dependencies.js';
import { notFound } from './errors.js';
import type { Renderer } from './render.js';
import { visitorOf, type PageContext } from './visitor.js';

interface Dependencies extends Pick<PagesDependencies, 'settings'> {
  readonly renderer: Renderer;
}

export function createDemoPages({ settings, renderer }: Dependencies) {
  const { demo, publicUrl } = settings;
  return {
    show(ctx: PageContext): void {
      if (!demo) return renderer.showAnswer(ctx, notFound);
      renderer.show(ctx, 'demo', {
        title: visitorOf(ctx).language.t('demo.title'),
        clientId: demo.clientId,
        issuer: publicUrl,
      });
    },

    /** Only ever an address of this server, with a code that has the form of one. */
    async showQr(ctx: PageContext): Promise<void> {
      const userCode = readUserCode(readQuery(ctx).get('user_code') ?? '');
      if (!demo || userCode === undefined) return renderer.showAnswer(ctx, notFound);
      const address = `${publicUrl}/link?user_code=${presentUserCode(userCode)}`;
      ctx.type = 'image/svg+xml';
      ctx.body = await QRCode.toString(address, { type: 'svg', errorCorrectionLevel: 'M', margin: 2 });
    },
  };
}
