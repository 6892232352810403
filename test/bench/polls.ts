// Pending polls, among few links and among many, beside the other servers. Several processes of each kind are measured as one.
import { withServers } from './proven.js';
import { createPollers, measureInTurn, mergeProcesses, type Contestant, type Measuring } from './rounds.js';
import { goal, presentRounds, ratioByLabel, short, type Section, type Spread } from './table.js';

/** The same server is up to a tenth faster or slower from one process to the next, for as long as it lives. */
const PROCESSES = 3;

export async function measurePolls({
  names,
  sizes,
  many,
  most,
  isQuick,
  effort,
}: Measuring): Promise<Section> {
  return withServers(async (start) => {
    const contestants: Contestant[] = [];
    for (const name of names) {
      const isBare = name === 'node:http' || name === 'koa';
      for (const size of isBare ? [many] : sizes) {
        // So many of the largest would need the memory of another machine.
        for (let left = isQuick || size === most ? 1 : PROCESSES; left > 0; left--)
          contestants.push(await createPollers(await start(name), size, isBare ? name : at(name, size)));
      }
    }
    const measured = mergeProcesses(await measureInTurn(contestants, effort));
    const ratio = (one: string, other: string): Spread | undefined => ratioByLabel(measured, one, other);
    return presentRounds(
      'Pending polls, by links pending',
      measured,
      [
        { heading: '÷ node:http', against: () => 'node:http' },
        { heading: '× oidc-provider', against: (label) => at('oidc-provider', sizeIn(sizes, label)) },
        {
          heading: '÷ itself at 1 k',
          against: (label) => (sizeIn(sizes, label) ? at(label.split(',')[0] ?? '', 1000) : undefined),
        },
      ],
      [
        ...goal('pending poll × oidc-provider', ratio(at('linchpin', many), at('oidc-provider', many)), {
          atLeast: 7,
        }),
        ...goal('pending poll ÷ bare node:http', ratio(at('linchpin', many), 'node:http'), { atLeast: 0.8 }),
        ...sizes.slice(1).flatMap((size) =>
          goal(`poll at ${short(size)} ÷ at 1 k`, ratio(at('linchpin', size), at('linchpin', 1000)), {
            atLeast: 0.95,
          }),
        ),
      ],
    );
  });
}

function at(name: string, links: number | undefined): string {
  return links === undefined ? name : `${name}, ${short(links)}`;
}

/** The number of links that a label of `at` names. */
function sizeIn(sizes: readonly number[], label: string): number | undefined {
  return sizes.find((size) => label.endsWith(`, ${short(size)}`));
}
