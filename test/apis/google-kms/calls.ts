/** Calls over gRPC as a client writes and reads them, by the library's own writer and reader. */
import { BinaryReader, BinaryWriter, WireType } from '@bufbuild/protobuf/wire';
import type { ApiResponse } from '../../../src/apis/api.js';
import { randomMethod } from '../../../src/apis/google-kms/grpc.js';
import { apiRequest } from '../../support/gateway.js';

/** A message with the five bytes before it. */
export function frame(message: Uint8Array, isCompressed = 0): Buffer {
  const head = Buffer.alloc(5, isCompressed);
  head.writeUInt32BE(message.length, 1);
  return Buffer.concat([head, message]);
}

/** GenerateRandomBytesRequest; what is undefined is left out. */
export function randomRequest({
  location = 'projects/project/locations/global' as string | undefined,
  lengthBytes = 16 as number | undefined,
  protectionLevel = 2 as number | undefined,
} = {}): Uint8Array {
  const writer = new BinaryWriter();
  if (location !== undefined) writer.tag(1, WireType.LengthDelimited).string(location);
  if (lengthBytes !== undefined) writer.tag(2, WireType.Varint).int32(lengthBytes);
  if (protectionLevel !== undefined) writer.tag(3, WireType.Varint).int32(protectionLevel);
  return writer.finish();
}

/** A call with a body as it is. */
export function grpcRequest(
  body: Uint8Array,
  headers: Record<string, string> = {},
  path: string = randomMethod,
) {
  const all = { 'content-type': 'application/grpc', te: 'trailers', ...headers };
  return apiRequest({ path, headers: all, body: Buffer.from(body) });
}

/** GenerateRandomBytesResponse of a whole body, which must be one frame of nothing else. */
export function randomResponse(body: Uint8Array): { data: Uint8Array; checksum: number } {
  const buffer = Buffer.from(body);
  if (buffer[0] !== 0 || buffer.readUInt32BE(1) !== buffer.length - 5)
    throw new Error(`not one frame: ${buffer.toString('hex').slice(0, 20)}`);
  const reader = new BinaryReader(buffer.subarray(5));
  const expect = (field: number, type: WireType) => {
    const [found, foundType] = reader.tag();
    if (found !== field || foundType !== type) throw new Error(`field ${found}: ${foundType}`);
  };
  expect(1, WireType.LengthDelimited);
  const data = reader.bytes();
  expect(3, WireType.LengthDelimited);
  const end = reader.uint32() + reader.pos;
  expect(1, WireType.Varint);
  const checksum = Number(reader.int64());
  if (reader.pos !== end || end !== reader.len) throw new Error('something follows');
  return { data, checksum };
}

/** How a call ended, as clients read it: from the trailers, or from the head of an answer without a body. */
export function statusOf({ headers, trailers }: Pick<ApiResponse, 'headers' | 'trailers'>) {
  const fields = trailers?.['grpc-status'] === undefined ? headers : trailers;
  const details = fields['grpc-status-details-bin'];
  return {
    code: Number(fields['grpc-status']),
    message: decodeURIComponent(fields['grpc-message'] ?? ''),
    details: details === undefined ? [] : detailsOf(Buffer.from(details, 'base64')),
  };
}

/** The fields of a message, each a number or bytes. */
export function fieldsOf(message: Uint8Array): (readonly [number, number | Uint8Array])[] {
  const reader = new BinaryReader(message);
  const fields: (readonly [number, number | Uint8Array])[] = [];
  while (reader.pos < reader.len) {
    const [field, type] = reader.tag();
    fields.push([field, type === WireType.Varint ? reader.int32() : reader.bytes()]);
  }
  return fields;
}

/** Details of google.rpc.Status: the type's URL, and the texts in the message in their order. */
function detailsOf(status: Uint8Array): string[][] {
  return fieldsOf(status)
    .filter(([field]) => field === 3)
    .map(([, any]) => {
      const [[, url], [, value]] = fieldsOf(any as Uint8Array) as [
        [number, Uint8Array],
        [number, Uint8Array],
      ];
      return [Buffer.from(url).toString(), ...textsOf(value)];
    });
}

function textsOf(message: Uint8Array): string[] {
  return fieldsOf(message).flatMap(([, value]) => {
    const text = Buffer.from(value as Uint8Array);
    // A message within begins with a tag, which no text here does.
    return text[0] === 0x0a || text[0] === 0x12 ? textsOf(text) : [text.toString()];
  });
}
