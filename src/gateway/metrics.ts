/** What the gateway counts, in plain numbers without allocation. */
import { type ErrorReason, errorReasons } from '../apis/api.js';
import { Durations } from '../common/histogram.js';

/** Classes of HTTP statuses. No response has one below 200, nor a redirect. */
export const statusClasses = ['2xx', '4xx', '5xx'] as const;

/** Why the gateway ends a connection to make room for others. */
export const endReasons = ['silent', 'unread', 'body'] as const;
export type EndReason = (typeof endReasons)[number];

/** Requests that are no API's: for pages, and what names none. */
const otherApi = 'other';

/** Upper bounds, seconds: a request takes 0.2 ms, and a client waits for a few seconds. */
const durationBounds = [
  0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5,
] as const;

/** Zero for each name. */
function zeros<Name extends string>(names: readonly Name[]): Record<Name, number> {
  return Object.fromEntries(names.map((name) => [name, 0])) as Record<Name, number>;
}

/** The counters of one API. */
export class ApiCounters {
  readonly responses = zeros(statusClasses);
  readonly errors: Record<ErrorReason, number> = zeros(errorReasons);
  randomBytes = 0;
  /** Of requests that were given random bytes, from the end of the body to the response. */
  readonly durations = new Durations(durationBounds);

  /**
   * Counts a response, whatever it says.
   * @param size random bytes asked for, which a good response hands out; null: none
   * @param seconds since the whole request was there
   */
  responded(status: number, size: number | null, seconds: number): void {
    this.responses[status < 400 ? '2xx' : status < 500 ? '4xx' : '5xx']++;
    if (size === null || status >= 400) return;
    this.randomBytes += size;
    this.durations.add(seconds);
  }

  /** Counts why a request failed; its response is counted as well. */
  failed(reason: ErrorReason): void {
    this.errors[reason]++;
  }
}

/** The counters of one gateway since it started, and what is in use now. */
export class GatewayCounters {
  /** Connections accepted. */
  connections = 0;
  /** Connections over a limit: closed at once. */
  connectionsRefused = 0;
  /** Failures of the system to give a connection. */
  acceptErrors = 0;
  /** Connections ended to make room for others. */
  readonly connectionsEnded = zeros(endReasons);
  /** Now: requests under way, until their response has left. */
  inFlight = 0;
  /** Now: requests that are parsed and wait until their connection has room for them. */
  requestsWaiting = 0;
  /** Now: bytes of responses that have not left. */
  unsentBytes = 0;
  /** Memory for bodies of requests, bytes. */
  bodyBytes = 0;
  readonly #apis: ReadonlyMap<string, ApiCounters>;
  readonly #other = new ApiCounters();

  /** @param apis their names */
  constructor(apis: readonly string[]) {
    this.#apis = new Map(apis.map((name) => [name, new ApiCounters()]));
  }

  /** The counters by API. */
  get apis(): readonly (readonly [name: string, counted: ApiCounters])[] {
    return [...this.#apis];
  }

  /** The same, and last of what is no API's. */
  get all(): readonly (readonly [name: string, counted: ApiCounters])[] {
    return [...this.#apis, [otherApi, this.#other]];
  }

  /** @param api its name; undefined: a page, or what names no API */
  of(api: string | undefined): ApiCounters {
    return (api === undefined ? undefined : this.#apis.get(api)) ?? this.#other;
  }
}
