// The PIN door: which endpoint answers where, to which method, in which formats, and whether scripts of other sites may call
// it. Paths under `/api/v2/` go by Accept; the older ones are XML unless they end in `.json`, whatever Accept says, as their
// clients ask for one thing and parse the other. PIN-API 1.2, 7 and "Decided".
import { createAccount, type AccountDependencies } from './account.js';
import { contentTypeOf, wantsJson, type Format } from './answers.js';
import { OPEN_TO_SCRIPTS } from './cross-origin.js';
import { createDeviceKeyEndpoints, type DeviceKeysDependencies } from './device-keys.js';
import { createDevices, type DevicesDependencies } from './devices.js';
import {
  BOTH,
  CLOSED,
  createDoor,
  OLDER,
  OPEN,
  XML_ALONE,
  type DoorDependencies,
  type Formats,
  type Route,
} from './door.js';
import { createEmptyLists, type EmptyListsDependencies } from './empty-lists.js';
import { createHomeRoutes, type HomeRoutesDependencies } from './home-routes.js';
import { createPendingAnswers } from './pending-answers.js';
import { createPoll, type PollDependencies } from './poll.js';
import { createQr } from './qr.js';
import { createSignInEndpoint, type SignInEndpointDependencies } from './sign-in.js';
import { createStart, type StartDependencies } from './start.js';
import {
  createFindBearer,
  createFindUser,
  type TokenBearerDependencies,
  type UserDependencies,
} from './token-bearer.js';
import { createUserCodeEndpoints, type UserCodesDependencies } from './user-codes.js';

/** The rooms below, as far as this door asks them. */
export type PinDoorDependencies = Omit<
  StartDependencies &
    PollDependencies &
    UserCodesDependencies &
    TokenBearerDependencies &
    UserDependencies &
    AccountDependencies &
    DevicesDependencies &
    DeviceKeysDependencies &
    EmptyListsDependencies &
    HomeRoutesDependencies &
    SignInEndpointDependencies &
    Pick<DoorDependencies, 'reportFault'>,
  'findBearer' | 'findUser' | 'pendingAnswers'
>;

const JSON_ALONE: Formats = { '': 'json' };
/** What it gives is neither; what it refuses is told as Accept says. */
const IMAGE: Formats = { '': 'by Accept' };

/** All that starts so is this door's, also what it does not know. */
const FOLDERS = ['/api/', '/pins/', '/users/', '/devices/'];

/** Makes the door, and what the lane ahead of it needs to answer plain polls in its place. */
export function createPinDoor(dependencies: PinDoorDependencies) {
  const { publicUrl, now, reportFault } = dependencies;
  const findBearer = createFindBearer(dependencies);
  const findUser = createFindUser(dependencies);
  const pendingAnswers = createPendingAnswers({ publicUrl, now });
  const parts = { ...dependencies, findBearer, findUser, pendingAnswers };
  const { startLink, startOlderLink } = createStart(parts);
  const { pollLink, pollOlderLink } = createPoll(parts);
  const { linkByToken, describeCode } = createUserCodeEndpoints(parts);
  const { readUser, readOlderAccount, ping, signOut } = createAccount(parts);
  const { signIn, signInOlder } = createSignInEndpoint(parts);
  const { listDevices, removeDevice } = createDevices(parts);
  const { giveNonce, bringKey, exchangeProof, listKeys } = createDeviceKeyEndpoints(parts);
  const { listResources, listOlderResources, shareNothing } = createEmptyLists(parts);

  const table: readonly Route[] = [
    ['POST', '/api/v2/pins', BOTH, OPEN, startLink],
    ['GET', '/api/v2/pins/{}', BOTH, OPEN, pollLink],
    ['PUT', '/api/v2/pins/link', BOTH, CLOSED, linkByToken],
    ['GET', '/api/v2/pins/info', BOTH, CLOSED, describeCode],
    ['GET', '/api/v2/pins/qr/{}', IMAGE, CLOSED, createQr({ publicUrl })],
    ['POST', '/pins', OLDER, OPEN, startOlderLink],
    ['GET', '/pins/{}', OLDER, OPEN, pollOlderLink],

    ['GET', '/api/v2/user', BOTH, OPEN, readUser],
    ['GET', '/api/v2/ping', BOTH, CLOSED, ping],
    ['GET', '/users/account', OLDER, CLOSED, readOlderAccount],
    ['DELETE', '/api/v2/users/signout', BOTH, CLOSED, signOut],
    ['POST', '/api/v2/users/signin', BOTH, CLOSED, signIn],
    ['POST', '/users/sign_in', OLDER, CLOSED, signInOlder],

    ['GET', '/devices', OLDER, CLOSED, listDevices],
    ['DELETE', '/devices/{}', OLDER, CLOSED, removeDevice],
    ['GET', '/api/v2/resources', BOTH, CLOSED, listResources],
    ['GET', '/api/resources', XML_ALONE, CLOSED, listOlderResources],
    ['POST', '/api/servers/{}/shared_servers', XML_ALONE, CLOSED, shareNothing],

    ...createHomeRoutes(parts),

    ['GET', '/api/v2/auth/nonce', JSON_ALONE, OPEN, giveNonce],
    ['POST', '/api/v2/auth/jwk', JSON_ALONE, OPEN, bringKey],
    ['POST', '/api/v2/auth/token', JSON_ALONE, OPEN, exchangeProof],
    ['GET', '/api/v2/auth/keys', JSON_ALONE, OPEN, listKeys],
  ];

  const door = createDoor({ publicUrl, folders: FOLDERS, table, reportFault });

  return {
    ...door,
    /** For the lane: where polls go, and the answer to a link that is known to be pending. */
    pendingPolls: {
      folder: `${door.base}/api/v2/pins/`,
      headers: { ...door.headers, ...OPEN_TO_SCRIPTS },
      findAnswer: pendingAnswers.find,
      contentTypeOf,
      formatOf: (suffix: string | undefined, accept: string | undefined): Format => {
        if (suffix !== undefined) return suffix === '.json' ? 'json' : 'xml';
        return wantsJson(accept ?? '') ? 'json' : 'xml';
      },
    },
  };
}
