import { BinaryWriter, WireType } from '@bufbuild/protobuf/wire';
import fc from 'fast-check';
import t from 'tap';
import {
  denied,
  GoogleError,
  invalidArgument,
  missingCredential,
} from '../../../src/apis/google-kms/errors.js';
import { crc32c } from '../../../src/apis/google-kms/format.js';
import {
  checkMethod,
  decodeRequest,
  encodeError,
  encodeResponse,
  isGrpc,
} from '../../../src/apis/google-kms/grpc.js';
import { apiRequest } from '../../support/gateway.js';
import { frame, grpcRequest, randomRequest, randomResponse, statusOf } from './calls.js';

const good = { location: 'projects/project/locations/global', lengthBytes: 16, protectionLevel: 2 };

/** A message of fields that are written by hand. */
function message(write: (writer: BinaryWriter) => void): Uint8Array {
  const writer = new BinaryWriter();
  write(writer);
  return writer.finish();
}

const joined = (...parts: Uint8Array[]) => Buffer.concat(parts);

t.test('a call has the content type of gRPC with protobuf', async (t) => {
  for (const [type, is] of [
    ['application/grpc', true],
    ['application/grpc+proto', true],
    ['Application/gRPC', true],
    ['application/grpc; charset=x', true],
    ['application/grpc ;x', true],
    ['application/grpc+json', false],
    ['application/grpc-web', false],
    ['application/grpc-web+proto', false],
    ['application/grpcx', false],
    ['x; application/grpc', false],
    ['', false],
  ] as const)
    t.equal(isGrpc(apiRequest({ headers: { 'content-type': type } })), is, type);
  t.notOk(isGrpc(apiRequest()));
});

t.test('nothing is served but one method', async (t) => {
  const kms = '/google.cloud.kms.v1.KeyManagementService/';
  t.doesNotThrow(() => checkMethod(apiRequest({ path: `${kms}GenerateRandomBytes` })));
  for (const path of [
    `${kms}Encrypt`,
    `${kms}GenerateRandomBytes/`,
    '/google.cloud.kms.v1.EkmService/ListEkmConnections',
    '/grpc.health.v1.Health/Check',
    '/grpc.reflection.v1.ServerReflection/ServerReflectionInfo',
    '/',
  ])
    t.throws(
      () => checkMethod(apiRequest({ path })),
      {
        code: 'UNIMPLEMENTED',
        message:
          'Nothing is served here but /google.cloud.kms.v1.KeyManagementService/GenerateRandomBytes.',
      },
      path,
    );
});

t.test('a message is read as protobuf’s libraries read it', async (t) => {
  const usual = randomRequest();
  const unknown = message((writer) => {
    writer.tag(4, WireType.Varint).uint64('18446744073709551615');
    writer.tag(5, WireType.LengthDelimited).string('x');
    writer.tag(6, WireType.Bit32).fixed32(1);
    writer.tag(7, WireType.Bit64).fixed64(1);
    writer.tag(8, WireType.StartGroup).tag(9, WireType.Varint).int32(1).tag(8, WireType.EndGroup);
    writer.tag(536_870_911, WireType.Varint).int32(1);
  });
  for (const [title, bytes, fields] of [
    ['as it is written', usual, good],
    [
      'empty: every field has its default',
      new Uint8Array(),
      { location: '', lengthBytes: 0, protectionLevel: 0 },
    ],
    ['unknown fields before', joined(unknown, usual), good],
    ['unknown fields behind', joined(usual, unknown), good],
    ['the last value counts', joined(randomRequest({ lengthBytes: 9 }), usual), good],
    ['a negative size has ten bytes', randomRequest({ lengthBytes: -1 }), { lengthBytes: -1 }],
    [
      'of a number of 64 bits the lower half',
      message((writer) => writer.tag(2, WireType.Varint).int64('4294967312')),
      { lengthBytes: 16 },
    ],
    [
      'fields of another type are unknown ones',
      joined(
        usual,
        message((writer) => {
          writer.tag(1, WireType.Varint).int32(5);
          writer.tag(2, WireType.LengthDelimited).string('32');
          writer.tag(2, WireType.Bit32).fixed32(32);
          writer.tag(3, WireType.Bit64).fixed64(1);
        }),
      ),
      good,
    ],
    ['a level that nobody knows', randomRequest({ protectionLevel: 99 }), { protectionLevel: 99 }],
    ['any text', randomRequest({ location: 'ü' }), { location: 'ü' }],
  ] as const)
    t.match(decodeRequest(grpcRequest(frame(bytes))), fields, title);
});

t.test('what is no message is INTERNAL, and what is not one UNIMPLEMENTED', async (t) => {
  const usual = randomRequest();
  const deep = message((writer) => {
    for (let i = 0; i < 1000; i++) writer.tag(9, WireType.StartGroup);
  });
  for (const [title, body, code, text] of [
    ['no frame', Buffer.alloc(0), 'UNIMPLEMENTED', /exactly one message/],
    ['two frames', joined(frame(usual), frame(usual)), 'UNIMPLEMENTED', /exactly one message/],
    ['a byte more', joined(frame(usual), Buffer.alloc(1)), 'UNIMPLEMENTED', /exactly one/],
    ['half of a frame’s head', frame(usual).subarray(0, 4), 'INTERNAL', /cut short/],
    ['a byte less', frame(usual).subarray(0, -1), 'INTERNAL', /cut short/],
    ['4 GiB announced', Buffer.from([0, 255, 255, 255, 255]), 'INTERNAL', /cut short/],
    ['an unknown flag', frame(usual, 2), 'INTERNAL', /unknown flag/],
    ['a compressed message without an encoding', frame(usual, 1), 'INTERNAL', /compressed/],
    ['a field cut short', frame(usual.subarray(0, 10)), 'INTERNAL', /no message/],
    ['a number cut short', frame(Buffer.from([0x10, 0x80])), 'INTERNAL', /no message/],
    [
      'a number of eleven bytes',
      frame(joined(Buffer.from([0x10]), Buffer.alloc(11, 0x80))),
      'INTERNAL',
      /no message/,
    ],
    [
      'a tag of 36 bits',
      frame(Buffer.from([255, 255, 255, 255, 127, 0])),
      'INTERNAL',
      /no message/,
    ],
    ['field 0', frame(Buffer.from([0, 0])), 'INTERNAL', /no message/],
    ['wire type 6', frame(Buffer.from([0x16, 0])), 'INTERNAL', /no message/],
    ['wire type 7', frame(Buffer.from([0x17, 0])), 'INTERNAL', /no message/],
    ['a group’s end alone', frame(Buffer.from([0x4c])), 'INTERNAL', /no message/],
    ['another group’s end', frame(Buffer.from([0x4b, 0x54])), 'INTERNAL', /no message/],
    ['groups in groups', frame(deep), 'INTERNAL', /no message/],
    ['no UTF-8', frame(Buffer.from([0x0a, 1, 0xff])), 'INTERNAL', /UTF-8/],
  ] as const)
    t.throws(() => decodeRequest(grpcRequest(body)), { code, message: text }, title);
});

t.test('a compressed message is UNIMPLEMENTED, and the answer names what is known', async (t) => {
  const encoded = { 'grpc-encoding': 'gzip' };
  const refusal = (headers: Record<string, string>) => {
    try {
      return decodeRequest(grpcRequest(frame(randomRequest(), 1), headers));
    } catch (error) {
      return encodeError(error as GoogleError, 'id-1').headers;
    }
  };
  t.match(refusal(encoded), { 'grpc-status': '12', 'grpc-accept-encoding': 'identity' });
  t.match(refusal({ 'grpc-encoding': 'identity' }), { 'grpc-status': '13' });
  const plain = decodeRequest(grpcRequest(frame(randomRequest()), encoded));
  t.match(plain, good, 'a message that is not compressed is read');
});

t.test('whatever is sent is a request or one of two errors', async (t) => {
  const valid = fc.record({
    location: fc.string({ unit: 'binary' }),
    lengthBytes: fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }),
    protectionLevel: fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }),
  });
  fc.assert(
    fc.property(valid, (fields) => {
      t.same(decodeRequest(grpcRequest(frame(randomRequest(fields)))), fields);
    }),
    { numRuns: 300 },
  );
  const changed = fc.tuple(valid, fc.nat(), fc.nat({ max: 255 })).map(([fields, at, value]) => {
    const body = frame(randomRequest(fields));
    body[at % body.length] = value;
    return body;
  });
  const cut = fc
    .tuple(valid, fc.nat())
    .map(([fields, at]) => frame(randomRequest(fields).subarray(0, at % 20)));
  const any = fc.oneof(
    fc.uint8Array({ maxLength: 64 }),
    fc.uint8Array({ maxLength: 64 }).map((bytes) => frame(bytes)),
    changed,
    cut,
  );
  fc.assert(
    fc.property(any, fc.constantFrom({}, { 'grpc-encoding': 'gzip' }), (body, headers) => {
      try {
        const { location, lengthBytes, protectionLevel } = decodeRequest(
          grpcRequest(body, headers),
        );
        return (
          Buffer.from(location).toString() === location &&
          lengthBytes === (lengthBytes | 0) &&
          protectionLevel === (protectionLevel | 0)
        );
      } catch (error) {
        return error instanceof GoogleError && ['INTERNAL', 'UNIMPLEMENTED'].includes(error.code);
      }
    }),
    { numRuns: 5000 },
  );
});

t.test('bytes are one frame with their checksum, in memory of its own', async (t) => {
  const sizes = [8, 127, 128, 1024];
  for (const bytes of [
    ...sizes.map((size) => Uint8Array.from({ length: size }, (_, i) => i * 7)),
    // The checksum is small: shorter numbers.
    new Uint8Array(),
  ]) {
    const { status, headers, body, trailers } = encodeResponse(bytes, 'id-1');
    t.match(
      { status, headers, trailers },
      {
        status: 200,
        headers: { 'Content-Type': 'application/grpc', 'x-request-id': 'id-1' },
        trailers: { 'grpc-status': '0' },
      },
    );
    const { data, checksum } = randomResponse(body as Uint8Array);
    t.ok(Buffer.from(data).equals(bytes), `${bytes.length} bytes`);
    t.equal(checksum, crc32c(bytes));
    t.equal((body as Uint8Array).buffer.byteLength, (body as Uint8Array).length);
  }
});

t.test('an error is in the head, with what programs read of it', async (t) => {
  const answer = encodeError(denied('projects/p/locations/l'), 'id-1');
  t.match(answer, { status: 200, body: '', headers: { 'Content-Type': 'application/grpc' } });
  t.strictSame(statusOf(answer), {
    code: 7,
    message:
      "Permission 'cloudkms.locations.generateRandomBytes' denied on resource 'projects/p/locations/l' (or it may not exist).",
    details: [
      [
        'type.googleapis.com/google.rpc.ErrorInfo',
        'IAM_PERMISSION_DENIED',
        'cloudkms.googleapis.com',
        'permission',
        'cloudkms.locations.generateRandomBytes',
        'resource',
        'projects/p/locations/l',
      ],
    ],
  });
  t.match(statusOf(encodeError(invalidArgument('no', 'length_bytes'), '')), {
    code: 3,
    details: [['type.googleapis.com/google.rpc.BadRequest', 'length_bytes', 'no']],
  });
  t.match(statusOf(encodeError(invalidArgument('no'), '')).details, [[/BadRequest$/, 'no']]);
  const padded = encodeError(missingCredential(), '').headers['grpc-status-details-bin'];
  t.match(padded, /^[\w+/]+$/, 'base64 without padding');
  const bare = encodeError(new GoogleError('INTERNAL', 'x'), 'id-1');
  t.strictSame(bare, {
    status: 200,
    headers: {
      'Content-Type': 'application/grpc',
      'x-request-id': 'id-1',
      'grpc-status': '13',
      'grpc-message': 'x',
    },
    body: '',
  });
});

t.test('the message of a status is printable ASCII, percent-encoded', async (t) => {
  for (const [text, encoded] of [
    ['plain ~ text!', 'plain ~ text!'],
    ['100 %', '100 %25'],
    ['ü\n€', '%c3%bc%0a%e2%82%ac'],
    ['\u{10ffff}\x7f\0', '%f4%8f%bf%bf%7f%00'],
  ] as const) {
    const answer = encodeError(new GoogleError('INTERNAL', text), '');
    t.equal(answer.headers['grpc-message'], encoded);
    t.equal(statusOf(answer).message, text);
  }
});
