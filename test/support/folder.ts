// Folders for the files of tests. `npm test` keeps one for all of them, in memory where there is plenty: SQLite waits for the
// disk at every commit.
import { mkdtempSync, statfsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const MEMORY = '/dev/shm';
const PLENTY_BYTES = 2 ** 30;

/** A new folder; whoever asks for it removes it. */
export function newFolder(name: string): string {
  return mkdtempSync(join(process.env.TEST_FOLDER ?? tmpdir(), `linchpin-${name}-`));
}

/** A new folder for a whole run, to be named by TEST_FOLDER. */
export function newRunFolder(): string {
  const name = 'linchpin-test-run-';
  try {
    const { bavail, bsize } = statfsSync(MEMORY);
    if (bavail * bsize >= PLENTY_BYTES) return mkdtempSync(join(MEMORY, name));
  } catch {
    // Not every system has it, and not everybody may write there.
  }
  return mkdtempSync(join(tmpdir(), name));
}
