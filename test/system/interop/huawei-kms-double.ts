/**
 * A double of the KMS of Huawei Cloud and OTC: clients can create a key, encrypt, decrypt and tag, and every
 * signature is verified without the product's code: by the specification, and by the signer of Huawei's SDK for
 * Node.js where that can sign the same request. Its gen-random always returns the same bytes, so that a test
 * sees whose they are.
 */
import { createCipheriv, createDecipheriv, randomBytes, randomUUID } from 'node:crypto';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import { buffer } from 'node:stream/consumers';
import { AKSKSigner } from '@huaweicloud/huaweicloud-sdk-core/auth/AKSKSigner.js';
import { signSdkHmac } from '../../support/signing/sdk-hmac-signer.js';

const ivSize = 12;
const tagSize = 16;
const idSize = 36;

/** The digits of every gen-random. */
export const doubleDigits = 'EE'.repeat(64);

/** A request that came to the double. */
export interface TakenByHuawei {
  readonly line: string;
  /** Who signed it; undefined: nobody whose signature holds. */
  readonly accessKey: string | undefined;
  /** Whether the SDK's signer found the same signature; undefined: it cannot sign such a request. */
  readonly bySdk: boolean | undefined;
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
}

type Input = Readonly<Record<string, string>>;

/**
 * A double that does not listen yet.
 * @param secrets secret keys by access key
 * @param taken receives every request
 */
export function createHuaweiKmsDouble(
  secrets: ReadonlyMap<string, string>,
  taken: TakenByHuawei[],
): Server {
  const keys = new Map<string, Buffer>();
  const operations: Record<string, (input: Input) => object | undefined> = {
    'POST create-key'() {
      const id = randomUUID();
      keys.set(id, randomBytes(32));
      return { key_info: { key_id: id, domain_id: 'domain' } };
    },
    'POST encrypt-data'({ key_id = '', plain_text = '' }) {
      const key = keys.get(key_id);
      if (key === undefined) return undefined;
      const iv = randomBytes(ivSize);
      const cipher = createCipheriv('aes-256-gcm', key, iv);
      const sealed = Buffer.concat([cipher.update(plain_text), cipher.final()]);
      const blob = Buffer.concat([Buffer.from(key_id), iv, cipher.getAuthTag(), sealed]);
      return { key_id, cipher_text: blob.toString('base64') };
    },
    'POST decrypt-data'({ cipher_text = '' }) {
      const blob = Buffer.from(cipher_text, 'base64');
      const key_id = blob.subarray(0, idSize).toString();
      const key = keys.get(key_id);
      if (key === undefined) return undefined;
      const [ivEnd, tagEnd] = [idSize + ivSize, idSize + ivSize + tagSize];
      const decipher = createDecipheriv('aes-256-gcm', key, blob.subarray(idSize, ivEnd));
      decipher.setAuthTag(blob.subarray(ivEnd, tagEnd));
      const open = Buffer.concat([decipher.update(blob.subarray(tagEnd)), decipher.final()]);
      return { key_id, plain_text: open.toString() };
    },
    'GET tags': () => ({ tags: [{ key: 'a', values: ['b'] }] }),
    'POST gen-random': () => ({ random_data: doubleDigits }),
  };
  return createServer(async (request, response) => {
    const body = await buffer(request);
    const { method = '', url = '', headers } = request;
    const { accessKey, bySdk } = signerOf(request, body, secrets) ?? {};
    taken.push({ line: `${method} ${url}`, accessKey, bySdk, headers, body: body.toString() });
    const requestId = randomUUID().replaceAll('-', '');
    const operation = operations[`${method} ${url.split(/[/?]/)[4]}`];
    const [status, members] =
      accessKey === undefined
        ? [401, flat('APIGW.0301', 'verify aksk signature fail', requestId)]
        : answer(operation?.(body.length === 0 ? {} : JSON.parse(body.toString())));
    response.writeHead(status, {
      'Content-Type': 'application/json',
      'X-Request-Id': requestId,
      Server: 'api-gateway',
    });
    response.end(JSON.stringify(members));
  });
}

const flat = (error_code: string, text: string, request_id: string) => ({
  error_msg: `Incorrect IAM authentication information: ${text}`,
  error_code,
  request_id,
});

function answer(members: object | undefined): [number, object] {
  return members === undefined
    ? [400, { error: { error_code: 'KMS.0205', error_msg: 'Invalid key ID.' } }]
    : [200, members];
}

/** Who signed, if the signature holds. */
function signerOf(
  { method = '', url = '', headers }: IncomingMessage,
  body: Buffer,
  secrets: ReadonlyMap<string, string>,
): { accessKey: string; bySdk: boolean | undefined } | undefined {
  const form =
    /^SDK-HMAC-SHA256 (?:Access=(?<access>[^,/]+)|Credential=(?<scoped>[^,/]+)\/\d{8}\/(?<region>[^,/]*)\/(?<service>[^,/]*)\/sdk_request), SignedHeaders=(?<names>[^,]+), Signature=[0-9a-f]{64}$/;
  const { authorization = '' } = headers;
  const {
    access,
    scoped,
    region = '',
    service = '',
    names = '',
  } = form.exec(authorization)?.groups ?? {};
  const accessKey = access ?? scoped ?? '';
  const secretKey = secrets.get(accessKey);
  const date = String(headers['x-sdk-date']);
  const time = Date.parse(
    date.replace(/^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/, '$1-$2-$3T$4:$5:$6Z'),
  );
  const signed = names.split(';');
  if (secretKey === undefined || Number.isNaN(time) || !signed.includes('x-sdk-date'))
    return undefined;
  const fields = Object.fromEntries(
    signed.filter((name) => name !== 'x-sdk-date').map((name) => [name, String(headers[name])]),
  );
  const [path = '', queryOf = ''] = url.split('?');
  const query = [...new URLSearchParams(queryOf)];
  const wanted = signSdkHmac(
    { method, path, query, headers: Object.entries(fields).map(([k, v]) => [k, [v]]), body },
    { accessKey, secretKey, time, scope: scoped === undefined ? undefined : [region, service] },
  ).rawHeaders.at(-1);
  if (wanted !== authorization) return undefined;
  return { accessKey, bySdk: access === undefined ? undefined : sdkAgrees() };

  /** It signs Host always, and JSON as it writes it itself. */
  function sdkAgrees(): boolean | undefined {
    const data = body.length === 0 ? undefined : JSON.parse(body.toString());
    const isItsJson = data === undefined || JSON.stringify(data) === body.toString();
    if (!signed.includes('host') || !isItsJson) return undefined;
    const { Authorization } = AKSKSigner.sign(
      {
        endpoint: `http://localhost${path}`,
        method,
        queryParams: Object.fromEntries(query),
        headers: { ...fields, 'X-Sdk-Date': date },
        data,
      } as never,
      { getAk: () => accessKey, getSk: () => secretKey } as never,
    ) as { Authorization?: string };
    return Authorization === authorization;
  }
}
