// The fixed set of files that pages load: one stylesheet, the scripts, the text face, the icon. All of it is read into
// memory at start and served under the hash of its content, so that a browser may keep it for ever.
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import type { Middleware } from 'koa';

const FONTS = ['latin', 'latin-ext', 'cyrillic', 'greek', 'vietnamese'] as const;
const SCRIPTS = [
  ...(['house.js', 'auth.js', 'forward.js', 'two-factor.js', 'passkeys.js', 'demo.js'] as const),
  'go-on.js',
] as const;
const TYPES: Readonly<Record<string, string>> = {
  css: 'text/css; charset=utf-8',
  js: 'text/javascript; charset=utf-8',
  svg: 'image/svg+xml',
  woff2: 'font/woff2',
};

export type AssetName = 'house.css' | 'mark.svg' | (typeof SCRIPTS)[number];

export type Assets = ReturnType<typeof createAssets>;

export function createAssets(viewsFolder: string) {
  const { resolve } = createRequire(import.meta.url);
  const files = new Map<string, { readonly type: string; readonly body: Buffer }>();
  const addresses = new Map<string, string>();

  function add(name: string, body: Buffer): string {
    const hash = createHash('sha256').update(body).digest('base64url').slice(0, 16);
    const address = `/static/${hash}/${name}`;
    files.set(address, { type: TYPES[name.slice(name.lastIndexOf('.') + 1)]!, body });
    addresses.set(name, address);
    return address;
  }

  const own = (name: string) => readFileSync(join(viewsFolder, 'static', name));
  const ofPackage = (path: string) => readFileSync(resolve(path));

  for (const script of SCRIPTS) add(script, own(script));
  add('mark.svg', own('mark.svg'));
  for (const font of FONTS) {
    const name = `inter-${font}-wght-normal.woff2`;
    add(name, ofPackage(`@fontsource-variable/inter/files/${name}`));
  }
  // The base stands in a layer of its own, so that every rule of the house wins, whatever its weight.
  const base = ofPackage('@picocss/pico/css/pico.min.css').toString().replace('@charset "UTF-8";', '');
  const house = own('house.css')
    .toString()
    .replace(/url\(([a-z0-9-]+\.woff2)\)/g, (_, name: string) => `url(${addresses.get(name)!})`);
  add('house.css', Buffer.from(`@layer above,base;@layer base{${base}}\n${house}`));

  const serve: Middleware = async (ctx, next) => {
    const file = ctx.method === 'GET' || ctx.method === 'HEAD' ? files.get(ctx.path) : undefined;
    if (!file) {
      await next();
      return;
    }
    ctx.set('Cache-Control', 'public, max-age=31536000, immutable');
    ctx.type = file.type;
    ctx.body = file.body;
  };

  return { serve, addressOf: (name: AssetName): string => addresses.get(name)! };
}

/** Drawings from lucide by name, without their licence comment: hidden from readers, as words stand beside them. */
export function readIcons<Name extends string>(names: readonly Name[]): Record<Name, string> {
  const { resolve } = createRequire(import.meta.url);
  const read = (name: string) =>
    readFileSync(resolve(`lucide-static/icons/${name}.svg`), 'utf8')
      .replace(/<!--.*?-->/s, '')
      .replace(/class="[^"]*"/, 'class="icon" aria-hidden="true" focusable="false"')
      .replace(/\s+/g, ' ')
      .trim();
  return Object.fromEntries(names.map((name) => [name, read(name)])) as Record<Name, string>;
}
