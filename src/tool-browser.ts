// Whether a person sits at this machine with a browser, and opening an address in it. RFC 8252 §6: the browser, never a window of
// the tool's own. What is opened, and what comes back, is in tool-authorize and tool-loopback.
import { spawn } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';

/** What tells of the machine; tests hand in another one. */
export interface Machine {
  environment: Readonly<Record<string, string | undefined>>;
  platform: string;
  hasProgram: (name: string) => boolean;
}

/** The command that opens an address, which is its last argument. */
export type Opener = readonly [command: string, ...before: string[]];

const isSet = (value: string | undefined): boolean => !['', '0', 'false', undefined].includes(value);

/**
 * What opens addresses in a browser in front of the person; undefined where there is none: over SSH the screen is elsewhere, in CI
 * nobody looks, and without a display there is nothing to look at.
 */
export function findOpener({ environment, platform, hasProgram }: Machine): Opener | undefined {
  const isRemote = ['SSH_CONNECTION', 'SSH_CLIENT', 'SSH_TTY'].some((name) => isSet(environment[name]));
  if (isRemote || isSet(environment['CI'])) return undefined;
  if (platform === 'darwin') return ['open'];
  // Without a shell, so that no sign in the address means anything to one.
  if (platform === 'win32') return ['rundll32', 'url.dll,FileProtocolHandler'];
  if (isSet(environment['WSL_DISTRO_NAME']) && hasProgram('wslview')) return ['wslview'];
  const hasDisplay = ['DISPLAY', 'WAYLAND_DISPLAY'].some((name) => isSet(environment[name]));
  const program = ['xdg-open', 'sensible-browser', 'x-www-browser'].find(hasProgram);
  return hasDisplay && program !== undefined ? [program] : undefined;
}

/** The machine that the tool runs on. */
export function thisMachine(environment: Machine['environment'], platform: string): Machine {
  const folders = (environment['PATH'] ?? '').split(delimiter).filter((folder) => folder !== '');
  return {
    environment,
    platform,
    hasProgram: (name) => folders.some((folder) => isExecutable(join(folder, name))),
  };
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** Opens an address. Where that fails nothing happens: the address has been printed too. */
export function openAddress([command, ...before]: Opener, address: string): void {
  const child = spawn(command, [...before, address], { stdio: 'ignore', detached: true });
  child.on('error', () => undefined);
  child.unref();
}
