/**
 * AWS Signature Version 4 with header authentication, verified as the specification ("Create a signed
 * AWS API request") tells; shares no code with what signs in src/.
 */
import { createHash, createHmac } from 'node:crypto';

/** A request as it came over the wire. */
export interface SignedRequest {
  readonly method: string;
  readonly path: string;
  /** Name, value, name, value. */
  readonly rawHeaders: readonly string[];
  readonly body: Buffer;
}

const hex = (data: string | Buffer) => createHash('sha256').update(data).digest('hex');
const hmac = (key: string | Buffer, data: string) =>
  createHmac('sha256', key).update(data).digest();

/** The values of a header, as they are signed. */
function canonicalValue(rawHeaders: readonly string[], wanted: string): string {
  const values = rawHeaders.filter(
    (_, i) => i % 2 === 1 && rawHeaders[i - 1]?.toLowerCase() === wanted,
  );
  return values.map((value) => value.trim().replace(/ +/g, ' ')).join(',');
}

/**
 * Whether the signature is that of `secret`, over this very request.
 * @returns what was signed for, or undefined where it does not verify
 */
export function verifySignature(
  { method, path, rawHeaders, body }: SignedRequest,
  secret: string,
): { accessKey: string; region: string; service: string; signed: string[] } | undefined {
  const parts =
    /^AWS4-HMAC-SHA256 Credential=([^/]+)\/(\d{8})\/([^/]+)\/([^/]+)\/aws4_request, SignedHeaders=([^,]+), Signature=([0-9a-f]{64})$/.exec(
      canonicalValue(rawHeaders, 'authorization'),
    );
  if (parts === null) return undefined;
  const [, accessKey, date, region, service, names, signature] = parts as unknown as string[];
  const signed = (names as string).split(';');
  const canonicalRequest = [
    method,
    path,
    '',
    ...signed.map((name) => `${name}:${canonicalValue(rawHeaders, name)}`),
    '',
    names,
    hex(body),
  ].join('\n');
  const time = canonicalValue(rawHeaders, 'x-amz-date');
  const scope = `${date}/${region}/${service}/aws4_request`;
  const toSign = ['AWS4-HMAC-SHA256', time, scope, hex(canonicalRequest)].join('\n');
  let key: Buffer = Buffer.from(`AWS4${secret}`);
  for (const part of [date, region, service, 'aws4_request', toSign])
    key = hmac(key, part as string);
  const isRight = key.toString('hex') === signature && time.startsWith(date as string);
  return isRight ? ({ accessKey, region, service, signed } as never) : undefined;
}
