// What a million pending links weigh in the process, with their life to its end: filled, expired, swept, and filled again. How fast
// polls are among them is the business of the polls' own section.
import { loadServer, type Answer } from './load.js';
import type { Server } from './processes.js';
import type { Start } from './proven.js';
import { isPending, pollRequest } from './rounds.js';
import { count, goal, short, spreadOf, type Section } from './table.js';

/** Enough that all code has been optimised, and what every process needs once is there. */
const AT_REST = 20_000;
const SAMPLE = 1000;
/** Longer than a link lives, and is remembered after that. */
const PAST_MS = 2 * 86_400_000;
const MOST_BYTES = 150;

interface Weight {
  when: string;
  bytes: number;
  /** Missing where there are no links. */
  perLink?: number;
}

export async function measureMillion(start: Start, links: number): Promise<Section> {
  const server = await start('linchpin');
  let clock = Date.now();
  await server.order('setClock', { at: clock });
  await fill(server, AT_REST);
  const atRest = await server.order('rss', {});
  const weights: Weight[] = [{ when: `at rest, with ${short(AT_REST)}`, bytes: atRest }];
  const weigh = async (when: string, isFull: boolean): Promise<void> => {
    const bytes = await server.order('rss', {});
    weights.push({ when, bytes, ...(isFull ? { perLink: (bytes - atRest) / links } : {}) });
  };
  const codes = await fill(server, links);
  await weigh(`with ${short(links)}`, true);
  await server.order('setClock', { at: (clock += PAST_MS) });
  const swept = await server.order('sweep', {});
  if (swept.links < links + AT_REST) throw new Error(`Only ${swept.links} links were swept.`);
  await pollEach(server, codes, isOver);
  await weigh('when they were swept', false);
  await fill(server, links);
  await weigh(`with ${short(links)} again`, true);
  return present({ links, weights, swept, peak: await server.order('peak', {}) });
}

/** So many links more; some of them are polled to see that they are pending. */
async function fill(server: Server, links: number): Promise<string[]> {
  const codes = await server.order('pending', { count: links, sample: SAMPLE });
  await pollEach(server, codes, isPending);
  return codes;
}

async function pollEach(
  server: Server,
  codes: string[],
  isRight: (answer: Answer) => boolean,
): Promise<void> {
  const requests = codes.map((code) => pollRequest(server, code));
  await loadServer(server.port, { next: () => requests.pop(), isRight }, Infinity);
}

function isOver({ status, body }: Answer): boolean {
  return status === 400 && /"error":"(expired_token|invalid_grant)"/.test(body);
}

function present(found: {
  links: number;
  weights: Weight[];
  swept: { links: number; ms: number };
  peak: number;
}): Section {
  const { links, weights, swept, peak } = found;
  return {
    title: `Memory of the process, from nothing to ${short(links)} pending links, and again`,
    columns: ['', 'RSS, MB', 'bytes per link'],
    rows: weights.map(({ when, bytes, perLink }) => [
      when,
      (bytes / 1e6).toFixed(0),
      perLink === undefined ? '' : count(perLink),
    ]),
    notes: [
      `All ${short(links)} were swept at once, in ${count(swept.ms)} ms. At most, ${count(peak / 1e6)} MB were resident.`,
      'Per link: what each further one takes; the tables grow by doubling, so the share depends on the number.',
    ],
    goals: weights.flatMap(({ when, perLink }) =>
      perLink === undefined
        ? []
        : goal(`bytes per link, ${when}`, spreadOf([perLink]), { below: MOST_BYTES }, ' bytes'),
    ),
    figures: found,
  };
}
