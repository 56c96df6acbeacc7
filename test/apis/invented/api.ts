/**
 * An API that nobody has: dice by `PUT /dice`, and whether they roll by `/dice/roll`. It answers with bytes,
 * and has a form of its own for errors.
 */
import type { Api, ApiEntry, ApiResponse } from '../../../src/apis/api.js';
import { errorReason, thrownBy, webPageText } from '../../../src/apis/toolkit.js';
import { errorCode, ServiceError } from '../../../src/common/errors.js';
import { serves } from '../../../src/common/state.js';

const size = 16;

function error(status: number, code: string): ApiResponse {
  return { status, headers: { 'Content-Type': 'text/x-dice' }, body: `ill-rolled: ${code}` };
}

export const invented = {
  name: 'invented',
  operations: [{ name: 'roll', byDefault: true }],
  sample: { method: 'PUT', path: '/dice', headers: { 'x-dice': 'any' }, body: '' },
  create(): Api {
    return {
      bodyLimitBytes: 10,
      claim: ({ path }) => (path === '/dice' || path === '/dice/roll' ? 'path' : 'no'),
      async answer({ headers, path, audit }, { access, health, random }) {
        if (path === '/dice/roll') {
          const { state } = await health().catch(() => ({ state: 'away' }));
          const status = serves(state) ? 200 : 503;
          const headers = { 'Content-Type': 'x/dice' };
          return { status, headers, body: `${state}\n`, isProbe: true };
        }
        audit.operation = 'roll';
        const token = headers['x-dice'];
        if (token === undefined) throw new ServiceError('nameless', 401, '');
        if (access.verifies) {
          const credential = access.token(String(token));
          if (credential === undefined) throw new ServiceError('stranger', 401, '');
          audit.key = credential.name;
          if (!credential.allow.has('roll')) throw new ServiceError('denied', 403, '');
          if (!(await access.take(credential))) throw new ServiceError('too often', 429, '');
        }
        audit.size = size;
        return { status: 200, headers: { 'Content-Type': 'x/dice' }, body: await random(size) };
      },
      refuse(failure) {
        const thrown = thrownBy(failure);
        const reason = errorReason(
          failure,
          new Map([
            ['nameless', 'authentication'],
            ['stranger', 'authentication'],
            ['denied', 'forbidden'],
            ['too often', 'throttled'],
          ]),
        );
        const [status, code] =
          thrown instanceof ServiceError
            ? [thrown.status, thrown.code]
            : failure.kind === 'webPage'
              ? [403, webPageText]
              : [{ fault: 500, request: 413 }[reason as string] ?? 503, errorCode(thrown)];
        return { ...error(status, code), error: { code, reason } };
      },
      malformed: (text) => ({ headers: { 'x-dice': 'none' }, members: { dice: text } }),
      examples: ({ url, verifies }) => [
        {
          title: 'Dice',
          note: verifies ? 'A token in TOKEN.' : 'Any token is accepted.',
          command: `curl -X PUT -H ${verifies ? '"X-Dice: $TOKEN"' : "'X-Dice: any'"} ${url}/dice`,
          hasUrl: true,
        },
      ],
      about: () => ({ faces: 6 }),
      metrics: (page) => page.gauge('entropyd_gateway_dice_faces', 'Faces of a die', 6),
    };
  },
} satisfies ApiEntry;
