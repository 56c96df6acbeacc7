import t from 'tap';
import { EntropyError } from '../src/errors.js';

t.test('carries its code', async (t) => {
  t.equal(new EntropyError('ERR_LENGTH', 'x').code, 'ERR_LENGTH');
});
