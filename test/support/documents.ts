// The blocks of code that a document shows, and how each kind is run: as it stands, but for the address, which is a house's
// own where the document says localhost:8484. A block may be marked with the door it is for: <!-- run: pin -->.
import { execFile, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { transform } from 'esbuild';
import { findProgram } from './equipment.js';

export type Answers = Record<string, string>;
export type Language = 'sh' | 'js' | 'ts' | 'python' | 'go';

const WRITTEN = 'http://localhost:8484';
/** Below the project, so that packages are found from it. */
const CACHE = join('node_modules', '.cache', 'linchpin-tests');
export const run = promisify(execFile);

export type Documents = ReturnType<typeof openDocuments>;

/** What runs blocks against the house at the address; `close` removes what it wrote. */
export function openDocuments(url: string) {
  if (!findProgram('curl')) throw new Error('curl is missing. As root: apt-get install -y curl');
  mkdirSync(CACHE, { recursive: true });
  const folder = mkdtempSync(join(CACHE, 'documents-'));

  /** The fenced blocks of one language, of all doors or of one. */
  function blocksOf(document: string, language: Language, door?: string): string[] {
    const fence = /^(?:<!-- run: (\w+) -->\n(?:\n|<!-- prettier-ignore -->\n)*)?```(\w+)\n([\s\S]*?)^```$/gm;
    return [...readFileSync(document, 'utf8').matchAll(fence)]
      .filter(([, marked, found]) => found === language && (door === undefined || marked === door))
      .map(([, , , code = '']) => code.replaceAll(WRITTEN, url));
  }

  /** Writes a block so that its runtime takes it; gives the command that runs it. */
  async function prepare(language: Exclude<Language, 'sh'>, code: string): Promise<string[]> {
    const file = join(folder, `pasted.${{ js: 'mjs', ts: 'mjs', python: 'py', go: 'go' }[language]}`);
    const isTyped = language === 'ts';
    writeFileSync(file, isTyped ? (await transform(code, { loader: 'ts', format: 'esm' })).code : code);
    if (language === 'python') return ['python3', file];
    return language === 'go' ? ['go', 'run', file] : [process.execPath, file];
  }

  /** Runs a block that shows a PIN, which is handed to `approve`; gives all that it printed. */
  async function watch(
    [program = '', ...args]: string[],
    variables: Answers,
    approve: (userCode: string) => Promise<void>,
  ): Promise<string> {
    const env = { ...process.env, ...variables };
    const child = spawn(program, args, { env, stdio: ['ignore', 'pipe', 'inherit'] });
    let printed = '';
    for await (const chunk of child.stdout) {
      printed += String(chunk);
      const [, userCode] = / enter (\S+)\n$/.exec(printed) ?? [];
      if (userCode) await approve(userCode);
    }
    return printed;
  }

  /** Runs commands one after the other; what one is answered stands in the variables of the next: `authToken` in `AUTH_TOKEN`. */
  async function follow(
    commands: readonly string[],
    given: Answers,
    beside: (command: string, known: Answers) => Promise<void> | undefined,
  ): Promise<Answers> {
    const known: Answers = { ...given };
    for (const command of commands) {
      const env = { PATH: process.env.PATH, ...variablesOf(known) };
      const [{ stdout }] = await Promise.all([run('sh', ['-euc', command], { env }), beside(command, known)]);
      Object.assign(known, JSON.parse(stdout || '{}'));
      const refusal = known['error'] ?? known['errors'];
      expect({ command, refusal }).toEqual({ command, refusal: undefined });
    }
    return known;
  }

  return {
    ...{ blocksOf, prepare, watch, follow },
    curlsOf: (document: string, door?: string) =>
      blocksOf(document, 'sh', door).filter((block) => /^curl /.test(block)),
    close: () => rmSync(folder, { recursive: true, force: true }),
  };
}

function variablesOf(known: Answers): Answers {
  const upper = (name: string) => name.replace(/(?<=[a-z])(?=[A-Z])/g, '_').toUpperCase();
  return Object.fromEntries(Object.entries(known).map(([name, value]) => [upper(name), String(value)]));
}
