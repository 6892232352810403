// Documents that name tests as the proof of what they say: which they name, and whether those are there.
import { existsSync, readFileSync } from 'node:fs';

export interface NamedTest {
  /** The first cells of the row, as they are written. */
  readonly row: string;
  readonly file: string;
  readonly title: string;
}

/** A proof in the last cell of a table: the file under `test/`, in backticks, a colon, and the title. */
const PROOF = /^`([\w/-]+)`: (.+)$/;

/** Every test that the tables of a document name, one for each `<br>` of a last cell; and the rows that name none. */
export function namedTestsOf(document: string): { readonly tests: NamedTest[]; readonly bare: string[] } {
  const tests: NamedTest[] = [];
  const bare: string[] = [];
  for (const line of readFileSync(document, 'utf8').split('\n')) {
    const cells = /^\| (.+) \|$/.exec(line)?.[1]?.split(' | ');
    if (!cells || cells.every((cell) => /^-+$/.test(cell)) || cells.at(-1) === 'Test') continue;
    const proofs = (cells.pop() ?? '').split('<br>').map((proof) => PROOF.exec(proof));
    for (const proof of proofs) {
      if (proof) tests.push({ row: cells.join(', '), file: proof[1]!, title: proof[2]! });
      else bare.push(line);
    }
  }
  return { tests, bare };
}

/** The source of a test file, without the backslashes that a quotation mark in a title may need; empty where there is none. */
export function sourceOfTest(file: string): string {
  const path = `test/${file}.test.ts`;
  return existsSync(path) ? readFileSync(path, 'utf8').replaceAll('\\', '') : '';
}

/** Whether the file holds a test with exactly this title. */
export function hasTest({ file, title }: Pick<NamedTest, 'file' | 'title'>): boolean {
  return ["'", '"', '`'].some((mark) => sourceOfTest(file).includes(`${mark}${title}${mark}`));
}
