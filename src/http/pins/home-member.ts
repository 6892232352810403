// Whom the address of a home call means: somebody of the asker's own household, by number or by the half of their UUID that
// this door shows. Whoever is nobody, and whoever is in another household, are one answer. PIN-API 6.
import { DoorRefusal, refusals } from './errors.js';
import { shortIdOf } from './user.js';
import type { Member } from '../../domain/household-records.js';
import type { Households, Person } from '../../domain/household.js';
import type { SubjectId } from '../../domain/vocabulary.js';

const HIGHEST_NUMBER = 2 ** 31 - 1;

type Which = Parameters<Households['findMember']>[1];

/** Refuses 404/1002 for what can be nobody. */
function readWhich(parameter: string): Which {
  if (/^[1-9]\d{0,9}$/.test(parameter) && Number(parameter) <= HIGHEST_NUMBER)
    return { publicNumber: Number(parameter) };
  const subjectId = parameter.toLowerCase();
  const isId = /^[\da-f]{16}$|^[\da-f]{8}(-[\da-f]{4}){3}-[\da-f]{12}$/.test(subjectId);
  if (!isId) throw new DoorRefusal(refusals.notFound);
  return { subjectId };
}

/** Refuses `not-found`. */
export type FindHomeMember = (viewer: SubjectId, parameter: string) => Promise<Member>;

export const createFindHomeMember =
  ({ household }: { readonly household: Pick<Households, 'findMember'> }): FindHomeMember =>
  async (viewer, parameter) =>
    household.findMember(viewer, readWhich(parameter));

/** Whether the address means the person themselves, who may be in no household. Refuses 404/1002 for what can be nobody. */
export function isThemself(person: Person, parameter: string): boolean {
  const which = readWhich(parameter);
  if ('publicNumber' in which) return which.publicNumber === person.publicNumber;
  return [person.subjectId as string, shortIdOf(person)].includes(which.subjectId);
}
