/** What the gateway counts, in plain numbers: a request adds to some, and makes nothing. */

import { type ApiName, apiNames, type Facts } from '../apis/api.js';
import { type ErrorReason, errorReason, errorReasons } from '../apis/error-reasons.js';
import { Durations } from '../common/histogram.js';

/** Beside the APIs: pages, and what cannot be told. */
export const apiLabels = [...apiNames, 'other'] as const;

/** Classes of HTTP statuses. No answer has one below 200, nor a redirect. */
export const statusClasses = ['2xx', '4xx', '5xx'] as const;

/** What became of a request to the upstream; `busy`: it was not sent; `abandoned`: the client went. */
export const upstreamOutcomes = [
  'ok',
  'client_error',
  'server_error',
  'no_answer',
  'busy',
  'abandoned',
] as const;

export type UpstreamOutcome = (typeof upstreamOutcomes)[number];

/** Upper bounds, seconds: a request takes a fifth of a millisecond; a client waits for some seconds. */
const answerBounds = [
  0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5,
] as const;

/** Zero for each name. */
function zeros<Name extends string>(names: readonly Name[]): Record<Name, number> {
  return Object.fromEntries(names.map((name) => [name, 0])) as Record<Name, number>;
}

/** Of one API. */
export class ApiCounters {
  readonly answers = zeros(statusClasses);
  readonly errors: Record<ErrorReason, number> = zeros(errorReasons);
  randomBytes = 0;
  /** Of requests that were given random bytes, from the end of the body to the answer. */
  readonly times = new Durations(answerBounds);

  /**
   * Counts an answer, whatever it says.
   * @param facts of the request; a size in a good answer is what was handed out
   * @param seconds since the request was there whole
   */
  answered(status: number, { size }: Pick<Facts, 'size'>, seconds: number): void {
    this.answers[status < 400 ? '2xx' : status < 500 ? '4xx' : '5xx']++;
    if (size === null || status >= 400) return;
    this.randomBytes += size;
    this.times.add(seconds);
  }

  /** Counts why a request failed; its answer is counted as well. */
  failed(error: unknown): void {
    this.errors[errorReason(error)]++;
  }
}

/** Of one gateway, since it started; `running` alone goes down. */
export class GatewayCounters {
  /** Accepted. */
  connections = 0;
  /** Beyond a listener's limit: closed. */
  connectionsRefused = 0;
  /** Requests whose answer is not sent. */
  running = 0;
  readonly apis: Readonly<Record<(typeof apiLabels)[number], ApiCounters>> = {
    'aws-kms': new ApiCounters(),
    'gen-random': new ApiCounters(),
    vault: new ApiCounters(),
    other: new ApiCounters(),
  };
  readonly upstream = zeros(upstreamOutcomes);

  /** @param api undefined: a page, or what cannot be told */
  of(api: ApiName | undefined): ApiCounters {
    return this.apis[api ?? 'other'];
  }
}
