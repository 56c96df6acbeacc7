/** Answers of the gateway: found in a stream, and what is wrong with them. */

const uuid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
const base64 = /^[A-Za-z0-9+/]+={0,2}$/;
const separator = '\r\n\r\n';

/**
 * Reads answers from the beginning of a stream; those of status 100 are left out.
 * @param bodiless says of an answer by its index whether it ends with its head; undefined: an answer
 *   right behind the head tells
 * @returns the answers that are whole, and how many bytes are left over
 * @throws Error where the stream is not one of answers
 */
export function readAnswers(bytes, bodiless) {
  const text = bytes.toString('latin1');
  const answers = [];
  let at = 0;
  for (;;) {
    const headEnd = text.indexOf(separator, at);
    if (headEnd < 0) return { answers, left: text.length - at };
    const [first, ...lines] = text.slice(at, headEnd).split('\r\n');
    const [, status] = /^HTTP\/1\.1 (\d{3}) .+$/.exec(first) ?? [];
    if (status === undefined) throw new Error(`no status line: ${first.slice(0, 200)}`);
    const bodyAt = headEnd + separator.length;
    if (status === '100') {
      at = bodyAt;
      continue;
    }
    const headers = new Map();
    for (const line of lines) {
      const [, name, value] = /^([\w-]+): (.*)$/.exec(line) ?? [];
      const key = name?.toLowerCase();
      if (key === undefined || headers.has(key)) throw new Error(`header ${line.slice(0, 200)}`);
      headers.set(key, value);
    }
    const isBodiless =
      bodiless(answers.length) ?? (text.length === bodyAt || text.startsWith('HTTP/1.1 ', bodyAt));
    const end = bodyAt + (isBodiless ? 0 : Number(headers.get('content-length')));
    if (end > text.length) return { answers, left: text.length - at };
    const body = isBodiless ? undefined : text.slice(bodyAt, end);
    answers.push({ status: Number(status), headers, body });
    at = end;
  }
}

/** Random bytes of a body of either API; undefined: none. */
export function sizeOf({ body }) {
  const { Plaintext, random_data } = body?.startsWith('{') ? JSON.parse(body) : {};
  if (Plaintext !== undefined) return Buffer.from(Plaintext, 'base64').length;
  return random_data === undefined ? undefined : random_data.length / 2;
}

/** What is wrong with an answer; undefined: nothing. */
export function faultOf({ status, headers, body }) {
  if (status >= 500) return `status ${status}`;
  if (!(Math.abs(Date.parse(headers.get('date')) - Date.now()) < 60_000)) return 'Date';
  if (headers.has('access-control-allow-origin')) return 'a CORS header';
  if (!/^\d+$/.test(headers.get('content-length'))) return 'Content-Length';
  const type = headers.get('content-type') ?? '';
  if (body === undefined || type.startsWith('text/plain;')) return undefined;
  const members = JSON.parse(body);
  const names = Object.keys(members).join();
  const requestId = headers.get('x-request-id');
  if (type === 'application/x-amz-json-1.1') {
    if (!uuid.test(headers.get('x-amzn-requestid'))) return 'x-amzn-RequestId';
    if (status === 200)
      return names === 'Plaintext' && base64.test(members.Plaintext) ? undefined : names;
    return /^__type(,[mM]essage)?$/.test(names) ? undefined : names;
  }
  if (type !== 'application/json') return `Content-Type ${type}`;
  if (names === 'state,reason') return undefined;
  if (!uuid.test(requestId)) return 'x-request-id';
  if (status === 200) return /^[0-9A-F]+$/.test(members.random_data) ? undefined : names;
  if (names === 'error') return /^KMS\.\d{4}$/.test(members.error.error_code) ? undefined : body;
  return members.request_id === requestId && members.error_code.startsWith('APIGW.')
    ? undefined
    : body;
}
