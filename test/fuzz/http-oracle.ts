/**
 * Who must answer a request, and what an answer must look like. It knows HTTP, docs/gateway.md and
 * docs/monitoring.md itself, and of an API what its contract (`claim`, `malformed`, its limit of a body)
 * and its client in test/apis say.
 */
import { isDeepStrictEqual } from 'node:util';
import type { Api } from '../../src/apis/api.js';
import type { ApiClient } from '../support/api-client.js';
import { apiRequest, memoryLog, settings } from '../support/gateway.js';
import type { Answer } from './http-answers.js';

/** Who answers: an API by its name, the pages for people, or the gateway to input that is no request. */
export type Responder = string;

/** Everybody who is no API. */
export const pages = 'pages';
export const malformed = 'malformed';

/** A header field: characters are bytes (latin1). */
export type Field = readonly [name: string, value: string];

/** What an answer must be. */
export interface Expected {
  /** One of these answers; undefined: anybody. */
  readonly responders?: readonly Responder[] | undefined;
  /** With one of these statuses; undefined: any that the responder has. */
  readonly statuses?: readonly number[] | undefined;
  /** Random bytes of a good answer; undefined: any number. */
  readonly size?: number | undefined;
  /** How the good answer is read, if its request asks for another form than the usual one. */
  readonly bytesOf?: ApiClient['bytesOf'] | undefined;
}

/** Whether an answer is what it must be. */
export interface Oracle {
  readonly clients: readonly ApiClient[];
  /**
   * What answers a request that is one, and whose body is as long as it says.
   * @param target as in the request line
   */
  expectationOf(
    method: string,
    target: string,
    fields: readonly Field[],
    bodySize: number,
  ): Expected;
  /**
   * @returns what is wrong with an answer; undefined if nothing is
   */
  faultOf(answer: Answer, expected: Expected): string | undefined;
}

/** The largest difference between an answer's Date and now that a busy host explains, ms. */
const maxDateErrorMs = 60_000;

/** docs/monitoring.md: what the gateway answers to GET and HEAD. */
const pagePaths: readonly string[] = ['/', '/status', '/metrics', '/healthz'];
const pageType = /^(text\/(plain|html|css|javascript);.*|image\/svg\+xml|application\/json)$/;
const pageStatuses: readonly number[] = [200, 403, 404, 413];

/** What is no request is refused with these. 405: CONNECT; 501: an unknown transfer coding. */
const malformedStatuses: readonly number[] = [400, 405, 408, 413, 431, 501];

/** Every API may say these of a request: its form, its path, its method. */
const commonStatuses: readonly number[] = [200, 400, 404, 405];

/** Of the head: docs/gateway.md. Nearly as much may be refused or not, depending on how it is counted. */
const headerBytes = 16 * 1024;
const doubtfulHeaderBytes = headerBytes - 1024;

/** Fetch Metadata 2.3: what is not a page's request. */
const ownSites: readonly string[] = ['none', 'same-origin'];

const uuid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
/** The other form that an API may give it. */
const digits = /^[0-9a-f]{32}$/;

/** An absolute-form target, RFC 9112 3.2.2; the path is what is served. */
const absolute = /^https?:\/\/[^/?]*(?<rest>.*)$/i;

/** Hosts that nobody may refuse for their form. */
const plainHost = /^([\w.-]*|\[[\da-f:.]+\])(:\d*)?$/i;

/** RFC 9110 5.5: what no field value may contain. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what it is about.
const forbiddenInValue = /[\0-\x08\x0a-\x1f\x7f]/;

/** Stands for a request id in what an API says about input that is no request. */
const idMark = 'ID';

/** Ids and bytes remembered: some minutes of answers. */
const maxRemembered = 200_000;

/** Fewer bytes may be equal by chance. */
const tellingSize = 16;

/**
 * @param clients of every API that the gateway has, in its order
 */
export function createOracle(clients: readonly ApiClient[]): Oracle {
  const apis = clients.map((client) => {
    const { entry, outcomes, fuzz } = client;
    const refused = fuzz?.refused?.(Date.now()) ?? [];
    const statuses = [
      ...commonStatuses,
      ...Object.values(outcomes).map(([, status]) => status),
      ...refused.map(([, status]) => status),
    ].filter((status) => status < 500);
    const forms = [client.bytesOf, ...(fuzz?.good ?? []).map((make) => make(1).bytesOf)];
    const api: Api = entry.create(settings, memoryLog());
    const { headers = {} } = api.malformed?.('', idMark) ?? {};
    return {
      ...{ client, api, statuses, name: entry.name },
      forms: forms.filter((form) => form !== undefined),
      idHeader: Object.keys(headers).find((name) => headers[name] === idMark),
    };
  });
  const byName = new Map(apis.map((each) => [each.name, each]));
  const everybody = [...byName.keys(), pages, malformed];
  const remembered = new Set<string>();

  /** Whether this has come before: an id, or random bytes. */
  function isRepeated(what: string): boolean {
    if (remembered.has(what)) return true;
    remembered.add(what);
    if (remembered.size > maxRemembered)
      remembered.delete(remembered.values().next().value as string);
    return false;
  }

  /** The responder by the contract: the strongest claim wins, the earlier in the list if two are equal. */
  function claimantOf(method: string, target: string, fields: readonly Field[]): Responder {
    const [path = '', query = ''] = target.split('?');
    const headers = Object.fromEntries(
      fields.map(([name, value]) => [name.toLowerCase(), value] as const),
    );
    const head = { ...apiRequest({ method, path, headers }), query };
    const claims = apis.map(({ name, api }) => [name, api.claim(head)] as const);
    const by = (strength: string) => claims.find(([, claim]) => claim === strength)?.[0];
    const isRead = method === 'GET' || method === 'HEAD';
    const isPage = isRead && (pagePaths.includes(path) || path.startsWith('/page/'));
    return by('header') ?? (isPage ? pages : (by('path') ?? by('leftover') ?? malformed));
  }

  function expectationOf(
    method: string,
    target: string,
    fields: readonly Field[],
    bodySize: number,
  ): Expected {
    const only = (...statuses: number[]): Expected => ({ responders: [malformed], statuses });
    const lines = fields.map(([name, value]) => name.length + value.trim().length);
    const headSize = lines.reduce((sum, size) => sum + size, target.length);
    if (headSize >= doubtfulHeaderBytes) {
      // What comes first is refused first, and where that is depends on what has arrived.
      return headSize > headerBytes ? only(400, 405, 431) : {};
    }
    if (fields.some(([, value]) => forbiddenInValue.test(value))) return only(400);
    if (method === 'CONNECT') return only(400, 405);
    const valuesOf = (wanted: string) =>
      fields.filter(([name]) => name.toLowerCase() === wanted).map(([, value]) => value.trim());
    // RFC 9112 3.2: one Host, neither more nor less.
    const hosts = valuesOf('host');
    if (hosts.length !== 1) return only(400);
    const isOddHost = !plainHost.test(hosts[0] ?? '');
    const origin = absolute.exec(target)?.groups?.rest;
    const served = origin === undefined ? target : origin.replace(/^(?!\/)/, '/');
    if (!served.startsWith('/')) return {};
    const responder = claimantOf(method, served, fields);
    const responders = isOddHost ? [responder, malformed] : [responder];
    const api = byName.get(responder);
    if (api === undefined || isOddHost) return { responders };
    const { client } = api;
    const { webPage, tooLarge } = client.outcomes;
    if (bodySize > api.api.bodyLimitBytes) return { responders, statuses: [tooLarge[1]] };
    const sites = valuesOf('sec-fetch-site');
    const isOfPage =
      valuesOf('origin').length > 0 || sites.some((site) => !ownSites.includes(site));
    return isOfPage ? { responders, statuses: [webPage[1]] } : { responders };
  }

  function faultOf(answer: Answer, { responders, ...expected }: Expected): string | undefined {
    const { status, headers, body } = answer;
    const date = Date.parse(headers.get('date') ?? '');
    if (!(Math.abs(date - Date.now()) < maxDateErrorMs)) return 'Date';
    if (headers.has('access-control-allow-origin')) return 'a CORS header';
    if (!/^\d+$/.test(headers.get('content-length') ?? '')) return 'Content-Length';
    if (expected.statuses?.includes(status) === false)
      return `status ${status}, want ${expected.statuses.join(' or ')}: ${body}`;
    const faults: string[] = [];
    for (const responder of responders ?? everybody) {
      const fault = faultOfResponder(responder, answer, expected);
      if (fault === undefined) return undefined;
      faults.push(`${responder}: ${fault}`);
    }
    return `${faults.join('; ')}: ${status} ${JSON.stringify(body?.slice(0, 500))}`;
  }

  function faultOfResponder(
    responder: Responder,
    answer: Answer,
    expected: Expected,
  ): string | undefined {
    if (responder === pages) return faultOfPage(answer);
    if (responder === malformed) return faultOfMalformed(answer);
    return faultOfApi(responder, answer, expected);
  }

  function faultOfPage({ status, headers, body }: Answer): string | undefined {
    const type = headers.get('content-type') ?? '';
    if (!pageType.test(type)) return `Content-Type ${type}`;
    if (!pageStatuses.includes(status)) return `status ${status}`;
    if (body === undefined || !type.includes('json')) return undefined;
    const names = Object.keys(JSON.parse(body)).join();
    return names === 'state,reason,warnings' || /,gateway$/.test(names) ? undefined : 'members';
  }

  /** Of every API the members and header fields that its clients read, and one id in all of them. */
  function faultOfMalformed({ status, headers, body }: Answer): string | undefined {
    if (!malformedStatuses.includes(status)) return `status ${status}`;
    if (headers.get('content-type') !== 'application/json') return 'Content-Type';
    const members = JSON.parse(body ?? '{}');
    const idHeader = apis.find((api) => api.idHeader !== undefined)?.idHeader;
    const id = idHeader === undefined ? idMark : (headers.get(idHeader.toLowerCase()) ?? '');
    const text = textOf(members);
    const wanted: Record<string, unknown> = {};
    for (const { api, name } of apis) {
      const part = api.malformed?.(text, id);
      for (const [field, value] of Object.entries(part?.headers ?? {}))
        if (headers.get(field.toLowerCase()) !== value) return `${field} of ${name}`;
      for (const [member, value] of Object.entries(part?.members ?? {})) wanted[member] ??= value;
    }
    // A HEAD that is no request gets a body or none, depending on how far it was read.
    if (body !== undefined && !isDeepStrictEqual(members, wanted)) return 'members';
    if (idHeader === undefined) return undefined;
    return uuid.test(id) && !isRepeated(id) ? undefined : `id ${id}`;
  }

  /** The text in an answer to what is no request: whatever every API's members repeat. */
  function textOf(members: object): string {
    const marked = apis.map(({ api }) => api.malformed?.('TEXT', idMark).members ?? {});
    const named = Object.assign({}, ...marked.reverse()) as Record<string, unknown>;
    const name = Object.keys(named).find((each) => named[each] === 'TEXT') ?? '';
    return String((members as Record<string, unknown>)[name]);
  }

  function faultOfApi(
    responder: Responder,
    { status, headers, body }: Answer,
    { size, bytesOf }: Expected,
  ): string | undefined {
    const { client, api, statuses, forms, idHeader } = byName.get(
      responder,
    ) as (typeof apis)[number];
    if (!statuses.includes(status)) return `status ${status}`;
    const isGood = status === 200;
    const type = headers.get('content-type');
    const isOther = !isGood && client.fuzz?.otherErrorTypes?.includes(type ?? null) === true;
    if (!isOther && type !== client.contentTypes[isGood ? 0 : 1]) return `Content-Type ${type}`;
    const id = idHeader && headers.get(idHeader.toLowerCase());
    const idForm = api.requestId === undefined ? uuid : digits;
    if (idHeader !== undefined && !idForm.test(id ?? '')) return `${idHeader} ${id}`;
    if (body === undefined) return undefined;
    try {
      if (type?.includes('json')) {
        const { request_id = id } = JSON.parse(body);
        if (id !== undefined && request_id !== id) return `request_id ${request_id}, not ${id}`;
      }
      if (!isGood) {
        if (client.errorOf(body) === '') return 'an empty error';
      } else if (size !== undefined || !client.isBare?.(body)) {
        const sizes = size === undefined ? client.sizes : ([size, size] as const);
        const bytes = readBytes(body, bytesOf === undefined ? forms : [bytesOf], sizes);
        if (bytes.length >= tellingSize && isRepeated(bytes.toString('latin1', 0, tellingSize)))
          return 'bytes that somebody else has';
      }
    } catch (error) {
      return (error as Error).message;
    }
    return id !== undefined && isRepeated(id) ? `id ${id} again` : undefined;
  }

  return { clients, expectationOf, faultOf };
}

/**
 * Hexadecimal digits may be base64 as well: then the size tells.
 * @param sizes the fewest and the most bytes
 * @throws Error of the first form if none of them fits
 */
function readBytes(
  body: string,
  forms: readonly ApiClient['bytesOf'][],
  [fewest, most]: readonly [number, number],
): Buffer {
  let first: unknown;
  for (const read of forms)
    try {
      const bytes = read(body);
      if (bytes.length >= fewest && bytes.length <= most) return bytes;
      throw new Error(`${bytes.length} bytes, want ${fewest} to ${most}`);
    } catch (error) {
      first ??= error;
    }
  throw first;
}
