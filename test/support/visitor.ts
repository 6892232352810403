// A browser without scripts, for tests of pages: it keeps cookies, follows the redirects after forms, and posts the forms
// that the pages hold, with their hidden fields, as they stand.
import type { Response } from 'supertest';
import type { TestHouse } from './app.js';

export interface PageForm {
  readonly action: string;
  readonly fields: Readonly<Record<string, string>>;
}

const ENTITIES: Readonly<Record<string, string>> = { amp: '&', lt: '<', gt: '>', '#34': '"', '#39': "'" };

const unescape = (text: string): string =>
  text.replace(/&(amp|lt|gt|#34|#39);/g, (_, name: string) => ENTITIES[name]!);

const attribute = (tag: string, name: string): string | undefined => {
  const found = new RegExp(`\\s${name}="([^"]*)"`).exec(tag)?.[1];
  return found === undefined ? undefined : unescape(found);
};

const isChoice = (input: string): boolean => ['checkbox', 'radio'].includes(attribute(input, 'type') ?? '');

/** Every form of a page, with what its fields hold. */
export function formsOf(html: string): PageForm[] {
  return [...html.matchAll(/<form\s[^>]*>[\s\S]*?<\/form>/g)].map(([form]) => ({
    action: attribute(form, 'action') ?? '',
    fields: Object.fromEntries(
      [...form.matchAll(/<input\s[^>]*>/g)]
        .filter(([input]) => !isChoice(input) || /\schecked\b/.test(input))
        .map(([input]) => [attribute(input, 'name') ?? '', attribute(input, 'value') ?? '']),
    ),
  }));
}

export type Visitor = ReturnType<typeof createVisitor>;

/** Opens a fresh browser on the house. `language` is what it sends as `Accept-Language`. */
export function createVisitor(house: Pick<TestHouse, 'newAgent'>, { language = 'en' } = {}) {
  const agent = house.newAgent();
  let path = '/';
  let response: Response | undefined;
  let leftTo: string | undefined;

  async function settle(first: Response): Promise<void> {
    response = first;
    leftTo = undefined;
    while (response.status === 303) {
      const address = response.headers.location as string;
      const own = address.replace(/^https?:\/\/localhost:\d+(?=\/)/, '');
      if (!own.startsWith('/')) {
        leftTo = address;
        return;
      }
      path = own;
      response = await agent.get(path).set('Accept-Language', language);
    }
  }

  const html = () => response?.text ?? '';

  return {
    agent,

    async visit(address: string): Promise<void> {
      path = address.replace(/^https?:\/\/[^/]+/, '');
      await settle(await agent.get(path).set('Accept-Language', language).redirects(0));
    },

    /** Posts the first form of the page, or the one with this action, with what is typed into it. */
    async submit(typed: Record<string, string> = {}, action?: string): Promise<void> {
      const form = formsOf(html()).find((candidate) => action === undefined || candidate.action === action);
      if (!form) throw new Error(`no form ${action ?? ''} on ${path}:\n${html()}`);
      path = form.action;
      await settle(
        await agent
          .post(form.action)
          .set('Accept-Language', language)
          .type('form')
          .redirects(0)
          .send({ ...form.fields, ...typed }),
      );
    },

    /** Signs in with a password alone. */
    async signIn(login: string, password = 'quartz lantern bicycle 42'): Promise<void> {
      await this.visit('/sign-in');
      await this.submit({ login, password });
    },

    get path() {
      return path.split('?')[0]!;
    },
    get address() {
      return path;
    },
    /** The address of another site that a redirect led to; nobody went there. */
    get leftTo() {
      return leftTo;
    },
    get status() {
      return response?.status;
    },
    get headers() {
      return response?.headers as Record<string, string>;
    },
    get html() {
      return html();
    },
    get title() {
      return unescape(/<title>([\s\S]*?)<\/title>/.exec(html())?.[1] ?? '');
    },
    get forms() {
      return formsOf(html());
    },
    /** The words on the page, without markup. */
    get text() {
      const body = html().replace(/[\s\S]*<main/, '<main');
      return unescape(body.replace(/<[^>]+>/g, ' ')).replace(/\s+/g, ' ');
    },
  };
}
