// How what a tool says of itself is kept: its values in a fixed order, without their names, which would be most of the row.
import type { ToolDescription } from '../../domain/tokens.js';

export function toToolValues(tool: ToolDescription): string {
  const { product, version, platform, platformVersion, device, deviceName, deviceVendor, model } = tool;
  return JSON.stringify([
    product,
    version,
    platform,
    platformVersion,
    device,
    deviceName,
    deviceVendor,
    model,
  ]);
}

export function fromToolValues(text: string): ToolDescription {
  const values = Object.values(JSON.parse(text) as Record<string, string>);
  const [product = '', version = '', platform = '', platformVersion = ''] = values;
  const [device = '', deviceName = '', deviceVendor = '', model = ''] = values.slice(4);
  return { product, version, platform, platformVersion, device, deviceName, deviceVendor, model };
}
