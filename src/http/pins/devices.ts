// The linked tools that a tool may know of as this API lists them, and how one is removed. No tool ever reads another's token, nor ends
// one that it has not linked: that is for the owner, on the pages. PIN-API 4.7 and "Decided", DESIGN 7.
import { createHash } from 'node:crypto';
import { originOf } from '../request.js';
import { answer, presentEpoch, type Answer, type Endpoint } from './answers.js';
import { DoorRefusal, refusals } from './errors.js';
import type { FindBearer } from './token-bearer.js';
import type { LinkedTools } from '../../domain/linked-tools.js';
import type { LastingStanding, TokensLasting } from '../../domain/tokens-lasting.js';
import type { LinkedTool } from '../../domain/tokens.js';

export interface DevicesDependencies {
  readonly findBearer: FindBearer;
  readonly linkedTools: Pick<LinkedTools, 'listForTool'>;
  readonly tokensLasting: Pick<TokensLasting, 'endLastingToken'>;
}

/** Clients expect a number. It only tells the tools of one account apart, where it is looked for. */
function numberOf({ linkedToolId }: LinkedTool): number {
  const number = createHash('sha256').update(linkedToolId).digest().readUInt32BE() >>> 1;
  return Math.max(number, 1);
}

/** The name that the tool was polled under: its own words, without the mark of this door. */
const identifierOf = ({ clientId, door }: LinkedTool): string =>
  door === 'pin' ? clientId.replace(/^pin:/, '') : clientId;

function presentDevice(tool: LinkedTool, bearer: LastingStanding) {
  const { description } = tool;
  return {
    name: tool.name,
    publicAddress: '',
    product: description?.product ?? tool.name,
    productVersion: description?.version ?? '',
    platform: description?.platform ?? '',
    platformVersion: description?.platformVersion ?? '',
    device: description?.device ?? '',
    model: description?.model ?? '',
    vendor: description?.deviceVendor ?? '',
    provides: '',
    clientIdentifier: identifierOf(tool),
    version: description?.version ?? '',
    id: numberOf(tool),
    token: tool.linkedToolId === bearer.tool.linkedToolId ? bearer.token : '',
    createdAt: presentEpoch(tool.linkedAt),
    lastSeenAt: presentEpoch(tool.lastUsedAt),
    screenResolution: '',
    screenDensity: '',
  };
}

function presentDevices(tools: readonly LinkedTool[], bearer: LastingStanding): Answer {
  const devices = tools.map((tool) => presentDevice(tool, bearer));
  return {
    json: () => devices.map((device) => ({ ...device, connections: [] })),
    xml: () => ({
      name: 'MediaContainer',
      attributes: { publicAddress: '', size: devices.length },
      children: devices.map((attributes) => ({ name: 'Device', attributes })),
    }),
  };
}

export function createDevices({ findBearer, linkedTools, tokensLasting }: DevicesDependencies) {
  const listDevices: Endpoint = async (ctx, call) => {
    const bearer = await findBearer(ctx);
    const tools = await linkedTools.listForTool(bearer.tool);
    answer(ctx, call, 200, presentDevices(tools, bearer));
  };

  const removeDevice: Endpoint = async (ctx, { parameter }) => {
    const { tool: own } = await findBearer(ctx);
    const tools = await linkedTools.listForTool(own);
    const found = tools.filter((tool) => String(numberOf(tool)) === parameter);
    // Two with one number: neither is removed by it, and the list on the page still removes both.
    if (found.length !== 1) throw new DoorRefusal(refusals.notFound);
    const tool = found[0]!;
    const isItsOwn = [tool.linkedToolId, tool.parentToolId].includes(own.linkedToolId);
    if (!isItsOwn) throw new DoorRefusal(refusals.notForThisTool);
    await tokensLasting.endLastingToken({ tool, by: own }, originOf(ctx));
    ctx.status = 204;
  };

  return { listDevices, removeDevice };
}
