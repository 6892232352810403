// Installs Debian packages for `npm test`, where that is possible without asking: as root, on a machine with apt-get.
import { spawn } from 'node:child_process';
import { findProgram } from './equipment.js';

/** A line now and then while apt-get works, so that a watcher knows that the run is alive. */
const PROGRESS_SECONDS = 15;

export function mayInstall(): boolean {
  return process.getuid?.() === 0 && findProgram('apt-get') !== undefined;
}

/**
 * Installs packages with apt-get, after `apt-get update`. Rejects with the last lines of apt-get's output.
 * @param say receives one line of progress at a time.
 */
export async function installPackages(
  packages: readonly string[],
  say: (line: string) => void,
): Promise<void> {
  await aptGet(['update'], say);
  await aptGet(['install', '-y', '--no-install-recommends', ...packages], say);
}

async function aptGet(parts: readonly string[], say: (line: string) => void): Promise<void> {
  const line = `apt-get ${parts.join(' ')}`;
  const startedAt = Date.now();
  const seconds = (): string => `${Math.round((Date.now() - startedAt) / 1000)} s`;
  say(line);
  const progress = setInterval(() => say(`${line}: still at work (${seconds()})`), PROGRESS_SECONDS * 1000);
  try {
    await runQuietly('apt-get', ['-q', '-o', 'DPkg::Lock::Timeout=120', ...parts]);
    say(`${line}: done (${seconds()})`);
  } finally {
    clearInterval(progress);
  }
}

function runQuietly(program: string, parts: readonly string[]): Promise<void> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, parts, {
      stdio: ['ignore', 'pipe', 'pipe'],
      // Packages start no services: not by the classic scripts (RUNLEVEL=1), and not by systemd.
      env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive', RUNLEVEL: '1', SYSTEMD_OFFLINE: '1' },
    });
    let output = '';
    const keep = (chunk: Buffer): void => {
      output = (output + chunk.toString()).slice(-4000);
    };
    child.stdout.on('data', keep);
    child.stderr.on('data', keep);
    child.on('error', reject);
    child.on('close', (code) => {
      if (code === 0) resolve();
      else reject(new Error(`${program} ${parts.join(' ')} failed:\n${output}`));
    });
  });
}
