import * as sdk from '@aws-sdk/client-kms';
import t from 'tap';
import { notServed } from '../../../src/apis/aws-kms/unserved.js';

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
