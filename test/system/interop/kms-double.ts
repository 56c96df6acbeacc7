/**
 * A KMS double: clients can create a key, encrypt and decrypt, and every signature is verified. Its
 * GenerateRandom always returns the same bytes, so that a test sees whose they are.
 */
import { createCipheriv, createDecipheriv, randomBytes, randomUUID } from 'node:crypto';
import { createServer, type Server } from 'node:http';
import { buffer } from 'node:stream/consumers';
import { verifySignature } from '../../support/signing/verify-signature.js';

const ivSize = 12;
const tagSize = 16;
const idSize = 36;

/** The Plaintext of every GenerateRandom. */
export const doubleByte = 0xee;

/** A request that the double accepted. */
export interface Taken {
  readonly operation: string;
  readonly accessKey: string | undefined;
  readonly region: string | undefined;
  readonly headers: NodeJS.Dict<string | string[]>;
}

/**
 * A double that does not listen yet.
 * @param secrets secret keys by access key
 * @param taken receives every request
 */
export function createKmsDouble(secrets: ReadonlyMap<string, string>, taken: Taken[]): Server {
  const keys = new Map<string, Buffer>();
  const operations: Record<string, (input: Record<string, string>) => object | undefined> = {
    CreateKey() {
      const id = randomUUID();
      keys.set(id, randomBytes(32));
      return { KeyMetadata: { KeyId: id, Enabled: true } };
    },
    ListKeys: () => ({ Keys: [...keys.keys()].map((KeyId) => ({ KeyId })), Truncated: false }),
    Encrypt({ KeyId = '', Plaintext = '' }) {
      const key = keys.get(KeyId);
      if (key === undefined) return undefined;
      const iv = randomBytes(ivSize);
      const cipher = createCipheriv('aes-256-gcm', key, iv);
      const sealed = Buffer.concat([cipher.update(Plaintext, 'base64'), cipher.final()]);
      const blob = Buffer.concat([Buffer.from(KeyId), iv, cipher.getAuthTag(), sealed]);
      return { KeyId, CiphertextBlob: blob.toString('base64') };
    },
    Decrypt({ CiphertextBlob = '' }) {
      const blob = Buffer.from(CiphertextBlob, 'base64');
      const KeyId = blob.subarray(0, idSize).toString();
      const key = keys.get(KeyId);
      if (key === undefined) return undefined;
      const [ivEnd, tagEnd] = [idSize + ivSize, idSize + ivSize + tagSize];
      const decipher = createDecipheriv('aes-256-gcm', key, blob.subarray(idSize, ivEnd));
      decipher.setAuthTag(blob.subarray(ivEnd, tagEnd));
      const open = Buffer.concat([decipher.update(blob.subarray(tagEnd)), decipher.final()]);
      return { KeyId, Plaintext: open.toString('base64') };
    },
    GenerateRandom: ({ NumberOfBytes = '0' }) => ({
      Plaintext: Buffer.alloc(Number(NumberOfBytes), doubleByte).toString('base64'),
    }),
  };
  return createServer(async (request, response) => {
    const body = await buffer(request);
    const { method = '', url: path = '', rawHeaders, headers } = request;
    const claimed = /Credential=([^/]+)\//.exec(headers.authorization ?? '')?.[1] ?? '';
    const secret = secrets.get(claimed) ?? '';
    const signature = verifySignature({ method, path, rawHeaders, body }, secret);
    const operation = String(headers['x-amz-target']).replace('TrentService.', '');
    const { accessKey, region } = signature ?? {};
    taken.push({ operation, accessKey, region, headers });
    const [status, members] =
      signature === undefined
        ? [400, { __type: 'InvalidSignatureException', message: 'signature' }]
        : answer(operations[operation]?.(JSON.parse(body.toString())));
    response.writeHead(status, {
      'Content-Type': 'application/x-amz-json-1.1',
      'x-amzn-RequestId': randomUUID(),
    });
    response.end(JSON.stringify(members));
  });
}

function answer(members: object | undefined): [number, object] {
  return members === undefined
    ? [400, { __type: 'NotFoundException', message: 'no such key' }]
    : [200, members];
}
