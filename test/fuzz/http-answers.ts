/** Finds the gateway's answers in a stream of bytes. */

const separator = '\r\n\r\n';

/** Longest quotation in an error message, characters. */
const maxShown = 200;

export interface Answer {
  readonly status: number;
  /** Names in lower case. */
  readonly headers: ReadonlyMap<string, string>;
  /** latin1; undefined if the answer ends with its head. */
  readonly body: string | undefined;
}

/**
 * Reads answers from the beginning of a stream, except those of status 100.
 * @param bodiless whether the answer with this index ends with its head; undefined: the next answer,
 *   or the end of the stream, right after the head shows it
 * @returns the complete answers, and how many bytes are left over
 * @throws Error if the stream does not consist of answers
 */
export function readAnswers(
  bytes: Buffer,
  bodiless: (index: number) => boolean | undefined,
): { answers: Answer[]; left: number } {
  const text = bytes.toString('latin1');
  const answers: Answer[] = [];
  let at = 0;
  for (;;) {
    const headEnd = text.indexOf(separator, at);
    if (headEnd < 0) return { answers, left: text.length - at };
    const [first = '', ...lines] = text.slice(at, headEnd).split('\r\n');
    const [, status] = /^HTTP\/1\.1 (\d{3}) .+$/.exec(first) ?? [];
    if (status === undefined) throw new Error(`not a status line: ${first.slice(0, maxShown)}`);
    const bodyAt = headEnd + separator.length;
    if (status === '100') {
      at = bodyAt;
      continue;
    }
    const headers = readHeaders(lines);
    const isBodiless =
      bodiless(answers.length) ?? (text.length === bodyAt || text.startsWith('HTTP/1.1 ', bodyAt));
    const end = bodyAt + (isBodiless ? 0 : Number(headers.get('content-length')));
    if (end > text.length) return { answers, left: text.length - at };
    const body = isBodiless ? undefined : text.slice(bodyAt, end);
    answers.push({ status: Number(status), headers, body });
    at = end;
  }
}

function readHeaders(lines: readonly string[]): Map<string, string> {
  const headers = new Map<string, string>();
  for (const line of lines) {
    const [, name = '', value = ''] = /^([\w-]+): (.*)$/.exec(line) ?? [];
    const key = name.toLowerCase();
    if (key === '' || headers.has(key)) throw new Error(`header ${line.slice(0, maxShown)}`);
    headers.set(key, value);
  }
  return headers;
}
