// Debian's nginx for suites: a process of its own in a folder of its own, never the system's service.
// Importing this file is what asks `npm test` to find or install nginx.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describeWith, equipment, findProgram, installLine } from './equipment.js';
import { newFolder } from './folder.js';

export interface StartedNginx {
  /** What it has written: its faults. */
  readonly written: () => string;
  readonly stop: () => Promise<void>;
}

/** A `describe` for suites with nginx: shown as skipped where there is none, failing under CI. */
export function describeWithNginx(title: string, body: () => void): void {
  describeWith('nginx', title, body);
}

/** What Debian's own file sets around the servers, as far as it matters, with every path in the folder. */
const around = (folder: string): string => `
daemon off;
pid ${folder}/pid;
error_log stderr notice;
worker_processes 1;
events {}
http {
  access_log off;
  client_body_temp_path ${folder}/body;
  proxy_temp_path ${folder}/proxy;
  fastcgi_temp_path ${folder}/fastcgi;
  uwsgi_temp_path ${folder}/uwsgi;
  scgi_temp_path ${folder}/scgi;
  include ${folder}/servers.conf;
}
`;

/**
 * Starts it with these server blocks, in which `FOLDER` stands for its folder; `files` are put there. Refuses, with what nginx
 * said, where it is missing or does not start.
 */
export async function startNginx(
  servers: string,
  files: Readonly<Record<string, string>> = {},
): Promise<StartedNginx> {
  const program = equipment.nginx.find();
  if (!program) throw new Error(`nginx is missing. As root: ${installLine(['nginx'])}`);
  const folder = newFolder('nginx');
  const all = {
    ...files,
    'nginx.conf': around(folder),
    'servers.conf': servers.replaceAll('FOLDER', folder),
  };
  for (const [name, content] of Object.entries(all))
    writeFileSync(join(folder, name), content, { mode: 0o600 });
  // Should this process be killed, the kernel ends nginx.
  const setpriv = findProgram('setpriv');
  const prefix = setpriv ? [setpriv, '--pdeathsig', 'TERM', '--'] : [];
  const [command = '', ...args] = [
    ...prefix,
    program,
    '-e',
    'stderr',
    '-p',
    folder,
    '-c',
    join(folder, 'nginx.conf'),
  ];
  const child = spawn(command, args, { stdio: ['ignore', 'ignore', 'pipe'] });
  let written = '';
  const endNow = (): void => void child.kill('SIGKILL');
  process.once('exit', endNow);
  const ended = once(child, 'close');
  const stop = async (): Promise<void> => {
    child.kill('SIGTERM');
    await ended;
    process.off('exit', endNow);
    rmSync(folder, { recursive: true, force: true });
  };
  await new Promise<void>((resolve, reject) => {
    child.once('error', reject);
    child.stderr.on('data', (chunk: Buffer) => {
      written += chunk.toString();
      // It listens by then.
      if (/start worker process \d/.test(written)) resolve();
    });
    void ended.then(() => reject(new Error(`nginx ended:\n${written}`)));
  }).catch((error: unknown) => {
    rmSync(folder, { recursive: true, force: true });
    throw error;
  });
  return { written: () => written, stop };
}
