/** The least that node:net can do for EGD's `02 n` on SOCKET: constant bytes, nothing checked. */
import { createServer } from 'node:net';

const constant = Buffer.alloc(4 * 1024 * 1024, 0xaa);

createServer((socket) => {
  let odd = -1;
  socket.on('data', (data) => {
    let size = 0;
    let at = 0;
    if (odd >= 0) {
      size = data[0];
      at = 1;
      odd = -1;
    }
    for (; at + 1 < data.length; at += 2) size += data[at + 1];
    if (at < data.length) odd = data[at];
    if (size > 0) socket.write(constant.subarray(0, size));
  });
  socket.on('error', () => {});
}).listen(process.argv[2]);
