/**
 * GenerateRandomBytes over gRPC: a frame to a request, bytes to a frame, errors to header fields.
 *
 * [N] gRPC's documents: https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md, and compression.md
 * and statuscodes.md beside it; [P] https://protobuf.dev/programming-guides/encoding/.
 */
import { isUtf8 } from 'node:buffer';
import { BinaryReader, BinaryWriter, WireType } from '@bufbuild/protobuf/wire';
import type { ApiRequest, ApiResponse, Head } from '../api.js';
import { type Detail, GoogleError } from './errors.js';
import { crc32c, type RandomRequest } from './format.js';

const service = '/google.cloud.kms.v1.KeyManagementService/';

/** The path that asks for bytes. */
export const randomMethod = `${service}GenerateRandomBytes`;

/** [N] Messages are protobuf unless another format is named; a browser's grpc-web is something else. */
const grpcType = /^application\/grpc(?:\+proto)? *(?:;|$)/i;

/** Whether a request is a call. */
export function isGrpc({ headers }: Head): boolean {
  return grpcType.test(headers['content-type'] ?? '');
}

/** @throws GoogleError `UNIMPLEMENTED` for another method, another service */
export function checkMethod({ path }: Head): void {
  if (path !== randomMethod)
    throw new GoogleError('UNIMPLEMENTED', `Nothing is served here but ${randomMethod}.`);
}

// The request.

/** [N] Whether the message is compressed, then its size. */
const frameHeadSize = 5;

/** GenerateRandomBytesRequest. */
const requestFields = { location: 1, lengthBytes: 2, protectionLevel: 3 } as const;

/**
 * Reads a request.
 * @throws GoogleError `INTERNAL` for what is no message, `UNIMPLEMENTED` for what is not one message
 */
export function decodeRequest({ body, headers }: ApiRequest): RandomRequest {
  return readMessage(messageOf(body, headers['grpc-encoding']));
}

/** The only message of a call. */
function messageOf(body: Buffer, encoding: unknown): Uint8Array {
  if (body.length === 0) throw wrongCount();
  if (body.length < frameHeadSize) throw notParsed('the frame is cut short');
  const [isCompressed, size] = [body.readUInt8(0), body.readUInt32BE(1)];
  if (isCompressed > 1) throw notParsed('the frame has an unknown flag');
  if (isCompressed === 1) {
    // [N] compression.md.
    if (encoding === undefined || encoding === 'identity')
      throw notParsed('the message is compressed, and nothing says how');
    throw new UnknownEncoding();
  }
  const end = frameHeadSize + size;
  if (body.length < end) throw notParsed('the frame is cut short');
  if (body.length > end) throw wrongCount();
  return body.subarray(frameHeadSize, end);
}

/** [N] statuscodes.md. */
function wrongCount(): GoogleError {
  return new GoogleError('UNIMPLEMENTED', 'The method takes exactly one message.');
}

/** [N] statuscodes.md: an error in parsing the request. */
function notParsed(why: string, options?: ErrorOptions): GoogleError {
  return new GoogleError('INTERNAL', `The request cannot be parsed: ${why}.`, [], options);
}

/** [N] compression.md: the answer then says which encodings are known. */
class UnknownEncoding extends GoogleError {
  constructor() {
    super('UNIMPLEMENTED', 'Messages must not be compressed.');
  }
}

/**
 * Reads a message as protobuf's own libraries do: of a field that is repeated the last value counts, and
 * a field of another type than it should have is skipped as an unknown one is [P].
 */
function readMessage(message: Uint8Array): RandomRequest {
  const fields = { location: '', lengthBytes: 0, protectionLevel: 0 };
  try {
    const reader = new BinaryReader(message);
    while (reader.pos < reader.len) {
      const [field, type] = reader.tag();
      if (field === requestFields.location && type === WireType.LengthDelimited)
        fields.location = textOf(reader.bytes());
      else if (field === requestFields.lengthBytes && type === WireType.Varint)
        fields.lengthBytes = reader.int32();
      else if (field === requestFields.protectionLevel && type === WireType.Varint)
        fields.protectionLevel = reader.int32();
      else reader.skip(type, field);
    }
  } catch (cause) {
    throw cause instanceof GoogleError ? cause : notParsed('it is no message', { cause });
  }
  return fields;
}

/** A string is UTF-8 [P]. */
function textOf(bytes: Uint8Array): string {
  if (!isUtf8(bytes)) throw notParsed('location is not UTF-8');
  return Buffer.from(bytes).toString();
}

// The response.

/** [P] Tags: a field's number, and the type of what follows. */
const tag = (field: number, type: WireType) => (field << 3) | type;

/** GenerateRandomBytesResponse: the bytes; and an Int64Value, whose field 1 is the checksum. */
const dataTag = tag(1, WireType.LengthDelimited);
const checksumTag = tag(3, WireType.LengthDelimited);
const valueTag = tag(1, WireType.Varint);

const contentType = 'application/grpc';

/**
 * The answer with bytes. It is written here: the library's writer would leave copies of them behind.
 * @param bytes they stay the caller's
 */
export function encodeResponse(bytes: Uint8Array, id: string): ApiResponse {
  const checksum = crc32c(bytes);
  const valueSize = 1 + varintSize(checksum);
  const messageSize = 1 + varintSize(bytes.length) + bytes.length + 2 + valueSize;
  // Memory of its own, as that of random-text.ts: filled with zeros, nothing is left of it.
  const body = Buffer.from(new ArrayBuffer(frameHeadSize + messageSize));
  body.writeUInt32BE(messageSize, 1);
  let at = frameHeadSize;
  body[at++] = dataTag;
  at = writeVarint(body, bytes.length, at);
  body.set(bytes, at);
  at += bytes.length;
  body[at++] = checksumTag;
  body[at++] = valueSize;
  body[at++] = valueTag;
  writeVarint(body, checksum, at);
  return { ...respond(body, id), trailers: { 'grpc-status': '0' } };
}

/** The size of a number as [P] varint. */
function varintSize(value: number): number {
  let size = 1;
  for (let rest = value; rest > 0x7f; rest = Math.floor(rest / 0x80)) size++;
  return size;
}

/** Writes a number below 2^32 as [P] varint. @returns where it ends */
function writeVarint(into: Buffer, value: number, start: number): number {
  let [rest, at] = [value, start];
  for (; rest > 0x7f; rest >>>= 7) into[at++] = (rest & 0x7f) | 0x80;
  into[at++] = rest;
  return at;
}

/**
 * The answer with an error. It has no message, so its status is in its only head [N] ("Trailers-Only"):
 * nothing of it is lost if the call's body is still on its way. Over HTTP the status is 200.
 */
export function encodeError(error: GoogleError, id: string): ApiResponse {
  const fields = {
    'grpc-status': String(error.number),
    'grpc-message': percentEncoded(error.message),
    ...(error.details.length === 0 ? {} : { 'grpc-status-details-bin': statusOf(error) }),
    ...(error instanceof UnknownEncoding ? { 'grpc-accept-encoding': 'identity' } : {}),
  };
  return respond('', id, fields);
}

function respond(
  body: string | Uint8Array,
  id: string,
  fields: Readonly<Record<string, string>> = {},
): ApiResponse {
  const headers = { 'Content-Type': contentType, 'x-request-id': id, ...fields };
  return { status: 200, headers, body };
}

/** [N] Bytes of UTF-8 but printable ASCII without the percent sign. */
function percentEncoded(text: string): string {
  return Buffer.from(text)
    .toString('latin1')
    .replace(/[^ -$&-~]/g, (byte) => `%${byte.charCodeAt(0).toString(16).padStart(2, '0')}`);
}

/** [N] google.rpc.Status in base64 without padding, from which programs read the details. */
function statusOf({ number, message, details }: GoogleError): string {
  const status = new BinaryWriter();
  status.tag(1, WireType.Varint).int32(number);
  status.tag(2, WireType.LengthDelimited).string(message);
  for (const detail of details) {
    const [type, value] = encodeDetail(detail);
    status.tag(3, WireType.LengthDelimited).fork();
    status.tag(1, WireType.LengthDelimited).string(`type.googleapis.com/google.rpc.${type}`);
    status.tag(2, WireType.LengthDelimited).bytes(value);
    status.join();
  }
  return Buffer.from(status.finish()).toString('base64').replace(/=+$/, '');
}

/** A detail's type in google.rpc, and its message. */
function encodeDetail(detail: Detail): readonly [type: string, message: Uint8Array] {
  const writer = new BinaryWriter();
  const text = (field: number, value: string) =>
    writer.tag(field, WireType.LengthDelimited).string(value);
  if ('reason' in detail) {
    text(1, detail.reason);
    text(2, detail.domain);
    for (const [name, value] of Object.entries(detail.metadata)) {
      writer.tag(3, WireType.LengthDelimited).fork();
      text(1, name);
      text(2, value);
      writer.join();
    }
    return ['ErrorInfo', writer.finish()];
  }
  writer.tag(1, WireType.LengthDelimited).fork();
  if (detail.field !== undefined) text(1, detail.field);
  text(2, detail.description);
  writer.join();
  return ['BadRequest', writer.finish()];
}
