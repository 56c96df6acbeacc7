import t from 'tap';
import { requestSlack } from '../../src/rpc/protocol.js';
import { Input } from '../../src/server/input.js';

t.test('there is room behind the bytes for the decoder, and one view of all', async (t) => {
  const input = new Input(10);
  t.equal(input.bytes.length, 10 + requestSlack);
  t.equal(input.view.byteLength, input.bytes.length);
  input.bytes[3] = 7;
  t.equal(input.view.getUint8(3), 7);
});

t.test('of parts it is a copy', async (t) => {
  const part = Buffer.from([3, 4]);
  const input = Input.of(Buffer.from([1, 2]), part);
  part.fill(0);
  t.strictSame([...input.bytes.subarray(0, 4)], [1, 2, 3, 4]);
  t.equal(input.bytes.length, 4 + requestSlack);
});
