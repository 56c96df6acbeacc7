/** Claims of who asks, against the credentials of the tests: whom an API knows by them. */
import type { Test } from 'tap';
import type { Access, Api, ApiRequest } from '../../src/apis/api.js';
import { accessOf, credentials, now } from './credentials.js';
import { answerOf, fakeSource } from './gateway.js';

/** How a claim ends: the credential's name; or an error's code, with more of its body where wanted. */
export interface Claim {
  readonly title: string;
  readonly request: ApiRequest;
  readonly is: string;
  readonly body?: string | RegExp;
  /** Milliseconds after `now`. */
  readonly later?: number;
}

/** Asks with each claim, each time with fresh credentials. */
export async function checkClaims(t: Test, api: Api, claims: readonly Claim[]): Promise<void> {
  for (const { title, request, is, body, later = 0 } of claims) {
    const access = accessOf(credentials, { at: now + later });
    const answer = await answerOf(api, request, fakeSource(), access);
    t.equal(answer.error === undefined ? request.audit.key : answer.outcome, is, title);
    if (body !== undefined) t.match(answer.body, body, title);
  }
}

/** What becomes of a request, with the credentials of the tests unless others are given. */
export async function outcomeOf(
  api: Api,
  request: ApiRequest,
  access: Access = accessOf(),
): Promise<string> {
  return (await answerOf(api, request, fakeSource(), access)).outcome;
}
