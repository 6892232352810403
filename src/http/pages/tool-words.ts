// What pages say of a tool by its own account: on what it runs, and which version it is. These are its own words, which
// nobody has checked; the views say so.
import type { ToolDescription } from '../../domain/tokens.js';

/** Each word once, in its order, without the empty ones; undefined for none. */
function said(words: readonly string[]): string | undefined {
  const one = (word: string, at: number, all: readonly string[]) =>
    word !== '' && all.findIndex((other) => other.toLowerCase() === word.toLowerCase()) === at;
  return words.filter(one).join(', ') || undefined;
}

/** The name that its owner gave the device, then what it is; without what names the tool already. */
export function deviceWords(tool: ToolDescription | undefined, toolName: string): string | undefined {
  if (!tool) return undefined;
  const { deviceName, deviceVendor, model, device, platform, platformVersion } = tool;
  const make = model.toLowerCase().startsWith(deviceVendor.toLowerCase())
    ? model
    : `${deviceVendor} ${model}`;
  const words = [deviceName, device, make.trim(), `${platform} ${platformVersion}`.trim()];
  return said(words.filter((word) => word !== toolName));
}

/** The version of the tool itself. */
export function versionWords(tool: ToolDescription | undefined): string | undefined {
  return tool?.version || undefined;
}
