import * as sdk from '@aws-sdk/client-kms';
import t from 'tap';
import {
  encodeOtherError,
  notServed,
  unknownMediaType,
  wrongPath,
} from '../../../src/apis/aws-kms/unserved.js';

t.test(
  'an operation of the service is named, with what it needs; another gets no text',
  async (t) => {
    const commands = Object.keys(sdk)
      .filter((name) => /^(?!GenerateRandomC)\w+Command$/.test(name))
      .map((name) => name.replace(/Command$/, ''));
    t.ok(commands.length > 50);
    for (const name of commands)
      t.match(notServed(name), {
        code: 'UnknownOperationException',
        status: 400,
        message: `For ${name}, start entropyd's gateway with --upstream `,
      });
    for (const name of ['Nope', 'constructor', 'decrypt'])
      t.match(notServed(name), { code: 'UnknownOperationException', message: '' });
  },
);

t.test('has the forms of the front end for other media types', async (t) => {
  for (const [mediaType, contentType, body] of [
    ['', undefined, '<UnknownOperationException/>\n'],
    ['application/x-amz-json-1.0', undefined, '<UnknownOperationException/>\n'],
    [
      'application/json',
      'application/json',
      '{"Output":{"__type":"com.amazon.coral.service#UnknownOperationException"},"Version":"1.0"}',
    ],
  ] as const)
    t.strictSame(encodeOtherError(unknownMediaType(), mediaType), { contentType, body });
});

t.test('a path is told from an operation', async (t) => {
  t.match(wrongPath(), {
    code: 'UnknownOperationException',
    status: 400,
    message: /without a path/,
  });
});
