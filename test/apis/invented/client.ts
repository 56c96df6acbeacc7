/** The invented API as its clients see it, for the conformance suite and the fuzz. */
import type { ApiClient } from '../../support/api-client.js';
import { tokenOf } from '../../support/credentials.js';
import { invented } from './api.js';

const put = { method: 'PUT', path: '/dice', body: '' };

export const inventedClient: ApiClient = {
  entry: invented,
  operation: 'roll',
  size: 16,
  sizes: [16, 16],
  request: (kind) => ({ ...put, headers: { 'x-dice': tokenOf(kind) } }),
  stranger: { ...put, headers: { 'x-dice': 'x' } },
  anonymous: { ...put, headers: {} },
  probe: { method: 'GET', path: '/dice/roll', headers: {}, body: '' },
  isBare: (text) => /^\w+\n$/.test(text),
  contentTypes: ['x/dice', 'text/x-dice'],
  bytesOf: (text) => Buffer.from(text, 'latin1'),
  errorOf(text) {
    const [, code] = /^ill-rolled: (.+)$/.exec(text) ?? [];
    if (code === undefined) throw new Error(`not ill-rolled: ${text}`);
    return code;
  },
  outcomes: {
    webPage: ['Requests of web pages are refused.', 403],
    tooLarge: ['ERR_TOO_LARGE', 413],
    overload: ['ERR_BUSY', 503],
    unavailable: ['ERR_CONNECT', 503],
    fault: ['ERR_HEALTH', 500],
    anonymous: ['nameless', 401],
    stranger: ['stranger', 401],
    denied: ['denied', 403],
    throttled: ['too often', 429],
  },
};
