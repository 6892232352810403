// The household's part of this door's table: who is in it, switching, and edits. None of it is open to scripts of other sites.
// The rest of the table is in routes.ts. PIN-API 6 and "Decided".
import { BOTH, CLOSED, OLDER, XML_ALONE, type Route } from './door.js';
import { createHomeEdits, type HomeEditsDependencies } from './home-edits.js';
import { createHomeSwitch, type HomeSwitchDependencies } from './home-switch.js';
import { createHome, type HomeDependencies } from './home.js';

export type HomeRoutesDependencies = HomeDependencies & HomeEditsDependencies & HomeSwitchDependencies;

export function createHomeRoutes(parts: HomeRoutesDependencies): readonly Route[] {
  const { readHome, listUsers, listOlderUsers, listMembers } = createHome(parts);
  const { switchMember, switchOlder } = createHomeSwitch(parts);
  const { addRestricted, editRestricted, removeMember, ...older } = createHomeEdits(parts);

  return [
    ['GET', '/api/v2/home', BOTH, CLOSED, readHome],
    ['GET', '/api/v2/home/users', BOTH, CLOSED, listUsers],
    ['POST', '/api/v2/home/users/{}/switch', BOTH, CLOSED, switchMember],
    ['POST', '/api/v2/home/users/restricted', BOTH, CLOSED, addRestricted],
    ['POST', '/api/v2/home/users/restricted/{}', BOTH, CLOSED, editRestricted],
    ['DELETE', '/api/v2/home/users/{}', BOTH, CLOSED, removeMember],

    ['GET', '/api/users', XML_ALONE, CLOSED, listMembers],
    ['GET', '/api/users/', XML_ALONE, CLOSED, listMembers],
    ['GET', '/api/home/users', OLDER, CLOSED, listOlderUsers],
    ['GET', '/api/home/users/', XML_ALONE, CLOSED, listOlderUsers],
    ['POST', '/api/home/users/{}/switch', OLDER, CLOSED, switchOlder],
    ['POST', '/api/home/users', OLDER, CLOSED, older.addOlder],
    ['PUT', '/api/home/users/{}', OLDER, CLOSED, older.changeOwnPin],
    ['DELETE', '/api/home/users/{}', OLDER, CLOSED, older.removeOlder],
  ];
}
