/**
 * `fuzz_arguments.ts ADDON SEED CALLS TRACE`: calls every function and method of the product's addon with
 * arbitrary arguments. Each call throws an error or works, and touches no byte outside the range that it
 * was given; the process survives. Before a call it is written to the file TRACE, so that the last one is
 * known of a process that did not.
 */
import { once } from 'node:events';
import { openSync, writeSync } from 'node:fs';
import { createRequire } from 'node:module';
import { connect, createServer } from 'node:net';
import { inspect } from 'node:util';
import type { Addon, NativeOptions } from '../../src/common/package.js';
import { Prng } from '../fuzz/prng.js';

const [addonPath = '', seed = '1', calls = '1000', tracePath = '/dev/null'] = process.argv.slice(2);
const addon = createRequire(import.meta.url)(addonPath) as Addon;
const prng = new Prng(Number(seed));
const trace = openSync(tracePath, 'w');

/** Bytes around every range, and what they are filled with: no call may change them. */
const margin = 64;
const canary = 0xa5;

/** Above the largest array that is made. */
const maxSize = 70_000;

/** Functions of a kind, called with values of a kind. */
type Call = (...args: unknown[]) => unknown;

// One end of a Unix socket for the calls that take a descriptor: any other could be one of the runtime's.
const server = createServer((socket) => socket.on('error', () => {}).resume()).unref();
server.listen(`\0entropyd-fuzz-${process.pid}`);
await once(server, 'listening');
const peer = connect(`\0entropyd-fuzz-${process.pid}`).on('error', () => {});
await once(peer, 'connect');
peer.unref();
const { fd } = (peer as unknown as { _handle: { fd: number } })._handle;

/** An array in the middle of a buffer whose other bytes are watched. */
interface Watched {
  readonly array: Uint8Array;
  readonly whole: Uint8Array;
}

function watched(): Watched {
  const size = prng.chance(0.9) ? prng.below(200) : prng.between(65_000, maxSize);
  const whole = new Uint8Array(size + 2 * margin).fill(canary);
  return { whole, array: whole.subarray(margin, margin + size) };
}

/** Whether the bytes beside what the call may write are what they were. */
function isIntact({ array, whole }: Watched, args: readonly unknown[]): boolean {
  // Node-API takes numbers alone, without their fraction, and none that is not finite.
  const asInteger = (value: unknown) => (Number.isFinite(value) ? Math.trunc(Number(value)) : 0);
  const from = array.byteOffset + asInteger(args[1]);
  const to = args[0] === array ? from + asInteger(args[2]) : from;
  return whole.every((byte, at) => byte === canary || (at >= from && at < to));
}

const numbers: readonly number[] = [
  ...[0, 1, 2, 8, 32, 64, 1024, 65_536, 65_537, -0, -1, 0.5, 1e-9, 1e-300, 1e308, 4, 7, 8.5],
  ...[
    2 ** 31 - 1,
    2 ** 31,
    2 ** 32 - 1,
    2 ** 32,
    2 ** 53,
    -(2 ** 31),
    -(2 ** 63),
    2 ** 63,
    2 ** 64,
  ],
  ...[Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, Number.MAX_SAFE_INTEGER],
];
const texts: readonly string[] = [
  ...['', 'x', '\0', '\ud800', 'default', 'strict', 'jitter', 'getrandom', 'rdrand', '@', '@\0x'],
  ...['/dev/null', '/dev/zero', '/nonexistent/x', '/', 'root', '\u{1f600}', '1', 'toString'],
  ...['x'.repeat(107), 'x'.repeat(108), `@${'x'.repeat(107)}`, 'x'.repeat(100_000)],
];
const thrower = () => {
  throw new TypeError('thrown by the argument');
};

function detached(): Uint8Array {
  const array = new Uint8Array(100);
  structuredClone(array.buffer, { transfer: [array.buffer] });
  return array;
}

/** Any value. */
function anything(depth = 0): unknown {
  return prng.pick<() => unknown>([
    () => prng.pick([undefined, null, true, false]),
    () => prng.pick(numbers),
    () => prng.below(100),
    () => prng.pick(texts),
    () => prng.pick([0n, -1n, 2n ** 64n]),
    () => Symbol('fuzz'),
    () => prng.pick([() => {}, thrower, class {}, async () => {}]),
    () => watched().array,
    () => prng.pick([Buffer.from('fuzz'), Buffer.alloc(0), detached()]),
    () => new ArrayBuffer(prng.below(64)),
    () => new Uint8Array(new SharedArrayBuffer(prng.below(64))),
    () => prng.pick([new DataView(new ArrayBuffer(8)), new Float64Array(9), new Int8Array(9)]),
    () => prng.pick([new Uint16Array(9), new Uint8ClampedArray(9), new BigInt64Array(9)]),
    () => prng.pick([{}, Object.create(null), new Date(0), /x/, new Map(), new Proxy([], {})]),
    () => ({ toString: thrower, valueOf: thrower, [Symbol.toPrimitive]: thrower }),
    () => new Proxy({}, { get: thrower, has: thrower, ownKeys: thrower }),
    () => (depth > 2 ? [] : Array.from({ length: prng.below(4) }, () => anything(depth + 1))),
    () => (depth > 2 ? {} : { length: anything(depth + 1), name: anything(depth + 1) }),
    () => options(depth + 1),
  ])();
}

/** Options of a generator: mostly as they should be. */
function options(depth = 0): object {
  const good = { profile: 'default', reseedRequests: 4096, reseedSeconds: 300, devices: [] };
  if (depth > 2 || prng.chance(0.3)) return good;
  const device = () => ({
    name: maybe('device', depth),
    path: maybe(prng.pick(['/dev/null', '/dev/zero', '/nonexistent']), depth),
    testedBitsPerByte: maybe(prng.pick([7, 4, 0.5]), depth),
    creditedBitsPerByte: maybe(prng.pick([0, 0, 4]), depth),
  });
  return {
    profile: maybe(prng.pick(['default', 'strict']), depth),
    reseedRequests: maybe(prng.pick([1, 4096]), depth),
    reseedSeconds: maybe(300, depth),
    devices: maybe(
      Array.from({ length: prng.below(4) }, () => maybe(device(), depth)),
      depth,
    ),
  };
}

const maybe = (good: unknown, depth: number) => (prng.chance(0.75) ? good : anything(depth + 1));

/** Arguments near those that a function takes, in too small or too large a number now and then. */
function near(...makers: readonly (() => unknown)[]): unknown[] {
  const args = makers.map((make) => (prng.chance(0.85) ? make() : anything()));
  if (prng.chance(0.1)) args.length = prng.below(args.length + 1);
  while (prng.chance(0.1)) args.push(anything());
  return args;
}

const integer = () => (prng.chance(0.5) ? prng.below(maxSize) : prng.below(150));
const anyName = () => prng.pick(texts);
const descriptor = () => prng.pick([fd, -1, 2 ** 31 - 1, -(2 ** 31), 2 ** 32 + 0.5, '3x', null]);
const callback = () => prng.pick([() => {}, () => {}, thrower]);

/** A range of an array that is watched: mostly one that is within it. */
function ranged(...more: readonly (() => unknown)[]): [Watched, unknown[]] {
  const target = watched();
  const { array } = target;
  const offset = prng.below(array.length + 1);
  const length = prng.below(array.length - offset + 1);
  const orAny = (fits: number) => () => (prng.chance(0.9) ? fits : integer());
  return [target, near(() => array, orAny(offset), orAny(length), ...more)];
}

// The generator whose methods are called: now and then a new one, and the old one is closed.
const usual: NativeOptions = {
  profile: 'default',
  reseedRequests: 4096,
  reseedSeconds: 300,
  devices: [],
};
let generator = new addon.Generator(
  usual,
  () => {},
  () => {},
);
let isClosed = false;
const prototype = addon.Generator.prototype as unknown as Record<string, Call>;
const methods = Object.getOwnPropertyNames(prototype).filter((name) => name !== 'constructor');

/** What is called, with which arguments, and which of them is watched. */
type Planned = [name: string, call: Call, args: unknown[], target?: Watched];

function planMethod(): Planned {
  const name = prng.pick(methods);
  const call: Call = (...args) => {
    const self = prng.chance(0.95) ? generator : anything();
    return Reflect.apply(prototype[name] as Call, self, args);
  };
  if (name === 'generate') {
    const [target, args] = ranged();
    return [name, call, args, target];
  }
  if (name === 'mix') return [name, call, ranged(() => prng.below(300))[1]];
  if (name === 'generateResistant') {
    const [target, args] = ranged(() => prng.below(9));
    return [name, call, args, target];
  }
  if (name === 'respond') return [name, call, responses()];
  if (name === 'readNoise') return [name, call, near(anyName, () => prng.between(1, 2000))];
  return [name, call, near()];
}

/** Arguments of `respond`: mostly such that all fits. */
function responses(): unknown[] {
  const requests: number[] = [];
  const recipients: number[] = [];
  let total = 0;
  for (let left = prng.below(4); left > 0; left--) {
    const count = prng.below(4);
    let size = prng.below(20);
    for (let i = 0; i < count; i++) {
      const length = prng.pick([0, 1, 255, 256, 65_535, 65_536, 2 ** 32 - 1]);
      requests.push(prng.pick([0, 7, 2 ** 32 - 1]), length);
      size += 13 + (prng.chance(0.9) ? Math.min(length, 70_000) : prng.below(100));
    }
    total += size;
    recipients.push(prng.pick([fd, -1, 2 ** 31 - 1]), prng.chance(0.95) ? size : -size, count, 0);
  }
  return near(
    () => new Uint8Array(prng.chance(0.9) ? total : prng.below(total + 1)),
    () => Uint32Array.from(requests),
    () => requests.length / 2 + (prng.chance(0.95) ? 0 : 1),
    () => Int32Array.from(recipients),
    () => recipients.length / 4 + (prng.chance(0.95) ? 0 : 1),
  );
}

// As the generator. Nothing is read: this program does not return to the event loop but for promises.
const newPoller = () => new addon.Poller(new Uint8Array(65_536), new Int32Array(6), () => 0);
let poller = newPoller();
let opened = -1;

function planPoller(): Planned {
  const name = prng.pick(['open', 'poll', 'close', 'end'] as const);
  const socket = () => (prng.chance(0.5) ? opened : descriptor());
  const call: Call = (...args) => {
    const result = Reflect.apply(poller[name] as Call, prng.chance(0.95) ? poller : {}, args);
    if (name === 'open') opened = result as number;
    return result;
  };
  if (name === 'end' && prng.chance(0.5)) poller = newPoller();
  return [`Poller.${name}`, call, near(socket, () => prng.below(9))];
}

/** A source that yields nothing, however much is asked of it. */
const sourceToRead = () => ({
  name: prng.pick(['none', 'rdrand']),
  path: prng.pick(['/dev/null', '/nonexistent']),
  testedBitsPerByte: prng.pick([7, 0.5, 0, 99, Number.NaN]),
});

const functions: Readonly<Record<string, () => Planned>> = {
  allocate: () => ['allocate', addon.allocate as Call, near(() => prng.below(maxSize))],
  wipe() {
    const [target, args] = ranged();
    return ['wipe', addon.wipe as Call, args, target];
  },
  send() {
    const [target, args] = ranged(descriptor);
    if (typeof args[3] === 'number' || args.length < 4) args[3] = descriptor();
    return ['send', addon.send as Call, args, target];
  },
  peerCredentials: () => ['peerCredentials', addon.peerCredentials as Call, near(descriptor)],
  groupId: () => ['groupId', addon.groupId as Call, near(anyName)],
  socketPath: () => ['socketPath', addon.socketPath as Call, near(descriptor)],
  sendDatagram: () => ['sendDatagram', addon.sendDatagram as Call, near(anyName, anyName)],
  assess: () => [
    'assess',
    addon.assess as Call,
    near(
      () => prng.pick([watched().array, new Uint8Array(7000).map((_, i) => (i * i) >> 5)]),
      () => prng.below(9),
    ),
  ],
  builtInSources: () => ['builtInSources', addon.builtInSources as Call, near()],
  describeSource: () => ['describeSource', addon.describeSource as Call, near(sourceToRead)],
  readSource: () => [
    'readSource',
    addon.readSource as unknown as Call,
    near(
      sourceToRead,
      () => prng.below(9000),
      () => prng.below(9),
    ),
  ],
  harden: () => ['harden', addon.harden as Call, near()],
  Generator: () => [
    'new Generator',
    (...args) => {
      const made = Reflect.construct(addon.Generator, args);
      generator.close();
      generator = made;
    },
    near(options, callback, callback),
  ],
  Poller: () => [
    'new Poller',
    (...args) => {
      const made = Reflect.construct(addon.Poller, args);
      poller.end();
      poller = made;
    },
    near(
      () => new Uint8Array(prng.pick([65_535, 65_536, 70_000])),
      () => new Int32Array(prng.pick([5, 6, 100])),
      callback,
    ),
  ],
};

/** Errors that JavaScript throws for an argument, and those of the addon's own words. */
function isRefusal(error: unknown): boolean {
  if (error instanceof TypeError || error instanceof RangeError) return true;
  return (
    error instanceof Error &&
    /generator is closed|cannot be credited|locked memory|refused a thread|^want |^the sample |end of file$|is absent/.test(
      error.message,
    )
  );
}

// What a poller's callback throws is nobody's to catch: the event loop calls it while a promise is
// awaited, if a socket is ready by then.
process.on('uncaughtException', (error) => {
  if (!isRefusal(error)) throw error;
});

const unknown = Object.keys(addon).filter((name) => !(name in functions));
if (unknown.length > 0) throw new Error(`exports that are not fuzzed: ${unknown}`);
const seen = new Map<string, [worked: number, thrown: number]>();
for (let left = Number(calls); left > 0; left--) {
  // Mostly open; a closed one has the same methods.
  if (prng.chance(isClosed ? 0.2 : 0.005)) {
    generator.close();
    generator = new addon.Generator(
      usual,
      () => {},
      () => {},
    );
    isClosed = false;
  }
  const [name, call, args, target] = prng.chance(0.5)
    ? prng.pick([planMethod, planMethod, planPoller])()
    : (functions[prng.pick(Object.keys(functions))] as () => Planned)();
  const shown = `${name}(${args.map(show).join(', ')})\n`;
  writeSync(trace, shown.padEnd(4000), 0);
  const counts = seen.get(name) ?? [0, 0];
  seen.set(name, counts);
  try {
    const result = call(...args);
    if (result instanceof Promise) await result.catch(check);
    counts[0]++;
    if (name === 'close') isClosed = true;
    if (name === 'new Generator') isClosed = false;
  } catch (error) {
    check(error);
    counts[1]++;
  }
  if (target !== undefined && !isIntact(target, args))
    throw new Error(`bytes outside the range were changed by ${shown}`);
  function check(error: unknown) {
    if (!isRefusal(error)) throw new Error(`${inspect(error)} by ${shown}`, { cause: error });
  }
}
generator.close();
console.log(JSON.stringify(Object.fromEntries(seen)));
process.exit(0);

function show(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value.slice(0, 40));
  if (ArrayBuffer.isView(value)) return `${value.constructor.name}(${value.byteLength} bytes)`;
  try {
    return inspect(value, { depth: 4, maxArrayLength: 5, breakLength: Infinity }).slice(0, 600);
  } catch {
    return 'a proxy that throws';
  }
}
