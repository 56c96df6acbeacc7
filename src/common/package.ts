/** This package: its directory, its version, and the native addon with the types it exports. */
import { createRequire } from 'node:module';
import { dirname } from 'node:path';
import type { Assessment, SourceDescription, SourceToRead } from './assessment.js';

const require = createRequire(import.meta.url);

/** Found by the package's own name, so that src/, dist/ and a bundle find the same. */
const manifest = require.resolve('entropyd/package.json');

/** The package's directory, which holds native/, page/ and prebuilds/. */
export const packageRoot: string = dirname(manifest);

export const version: string = (require(manifest) as { version: string }).version;

/** `strict` refuses the fallback and credits nothing to getrandom(2). */
export const profiles = ['default', 'strict'] as const;
export type Profile = (typeof profiles)[number];

export const sourceStates = ['absent', 'testing', 'passing', 'waiting', 'lost', 'failed'] as const;

/** A noise source as the generator sees it. Counters run since the process started. */
export interface SourceReport {
  name: string;
  /** Devices only. */
  path?: string;
  /** /dev/hwrng only: the kernel's name for the driver behind it. */
  rngCurrent?: string;
  /**
   * CPU sources only: the kernel says that it does not use the instruction, although the CPU has it.
   */
  hiddenByKernel?: boolean;
  state: (typeof sourceStates)[number];
  /** Since it entered the state. */
  secondsInState: number;
  /** Whether it is a physical noise source (SP 800-90B 2.2.1). */
  physical: boolean;
  /** Min-entropy that the health tests assume, bits per byte. */
  testedBitsPerByte: number;
  /** Min-entropy that is now credited to seeds, bits per byte. */
  creditedBitsPerByte: number;
  bytes: number;
  reads: number;
  retries: number;
  alarms: number;
  /** Rate while the source was being read, not over the whole time. */
  bytesPerSecond: number;
  lastAlarm: string;
  lastError: string;
}

/**
 * What the last seed's credited entropy came from, in the terms of SP 800-90C: an RBG2 with physical
 * or non-physical noise sources, or an RBGC, seeded by the kernel's generator alone.
 */
export const constructions = ['RBG2(P)', 'RBG2(NP)', 'RBGC'] as const;

/** The native generator's state, from one moment. */
export interface NativeSnapshot {
  state: 'seeding' | 'operational' | 'degraded' | 'error';
  /** Empty if there is nothing to say. */
  reason: string;
  /** Empty without a seed. */
  construction: (typeof constructions)[number] | '';
  sources: SourceReport[];
  reseeds: number;
  requestsSinceReseed: number;
  secondsSinceReseed: number;
  /** Whether the generator's buffers are locked in RAM. */
  memoryLocked: boolean;
}

/** A device, file or FIFO as a noise source. */
export interface DeviceOptions {
  name: string;
  path: string;
  /** Min-entropy that the health tests assume, bits per byte: 0.001 to 8; default 7. */
  testedBitsPerByte?: number;
  /** Min-entropy to credit to seeds, bits per byte: 0, or 0.01 to `testedBitsPerByte`. */
  creditedBitsPerByte: number;
}

export interface NativeOptions {
  profile: Profile;
  /** DRBG generates between reseeds, 1 to 2^32 - 1. */
  reseedRequests: number;
  /** 1 to 2^32 - 1. */
  reseedSeconds: number;
  devices: Required<DeviceOptions>[];
}

/** Results of `generate` and `reseed`: the enum `Result` of the native generator. */
export const NativeResult = { ok: 0, notSeeded: 1, health: 2, entropy: 3, pending: 4 } as const;

export interface NativeGenerator {
  /**
   * Fills a range, or leaves zeros in it.
   * @returns a `NativeResult`
   */
  generate(target: Uint8Array, offset: number, length: number): number;
  /**
   * Generates responses to `random`, writes their headers, sends them and wipes what was sent; all
   * bytes of `target` up to the sum of the recipients' sizes are written.
   * @param requests pairs of id and size
   * @param requestCount those of all recipients
   * @param recipients four numbers each: descriptor (negative: send nothing), bytes with headers, of
   *   how many requests, and as a result how many were sent, 0 also if the socket has failed
   * @returns a `NativeResult`; other than `ok`, zeros are left and nothing was sent
   */
  respond(
    target: Uint8Array,
    requests: Uint32Array,
    requestCount: number,
    recipients: Int32Array,
    recipientCount: number,
  ): number;
  /**
   * Adds a range to the additional input of the next generate, without credit.
   * @param length at most 255
   */
  mix(source: Uint8Array, offset: number, length: number): void;
  /** @returns the number of a request for prediction resistance that arrives now */
  arrive(): number;
  /**
   * Fills a range after a reseed from noise that was read after the request arrived.
   * @param length at most 65,536
   * @returns a `NativeResult`; `pending`: try again after a source change
   */
  generateResistant(target: Uint8Array, offset: number, length: number, request: number): number;
  /** @returns a `NativeResult`; `pending`: samples are being read, and the reseed follows */
  reseed(): number;
  /** Takes over what sources have reported, and what time has changed. */
  poll(): void;
  /** Tests instances of the sources' own in the thread pool. @returns whether nothing failed */
  selfTest(): Promise<boolean>;
  /**
   * Reads raw samples of a source's own instance in the thread pool, for assessment.
   * @param size bytes, 1 to 1,048,576
   * @returns the samples, or undefined if there is no such source
   */
  readNoise(source: string, size: number): Promise<Uint8Array> | undefined;
  /** @returns the reason of the state, as of now; empty if there is nothing to say */
  reason(): string;
  snapshot(): NativeSnapshot;
  /** Ends its threads and erases its state. Every later call throws, except `poll` and `close`. */
  close(): void;
}

/** What a `NativePoller` waits for; to be added. */
export const PollEvent = { readable: 1, writable: 2 } as const;

/** Second number of an event: where its bytes begin, or one of these. The third is their size. */
export const PollerEvent = { writable: -1, end: -2, failed: -3 } as const;

/** Sockets that are read and watched together. */
export interface NativePoller {
  /**
   * Takes a duplicate of a socket's descriptor; the caller may close its own.
   * @returns the duplicate, which names the socket from now on; a negative errno if there is none
   */
  open(fd: number): number;
  /** Waits for `PollEvent`s from now on; 0: for nothing. Waiting for bytes ends with `end` and `failed`. */
  poll(fd: number, events: number): void;
  /** Closes the duplicate. Nothing more is heard of it. */
  close(fd: number): void;
  /** Closes everything. Without it, the poller lives as long as its thread. */
  end(): void;
}

/** The process at the other end of a Unix socket. */
export interface PeerCredentials {
  pid: number;
  uid: number;
  /** The primary group first. */
  gids: number[];
}

/** The native addon's exports. */
export interface Addon {
  Generator: new (
    options: NativeOptions,
    onTransition: (state: NativeSnapshot['state'], reason: string) => void,
    onSourceChange: () => void,
  ) => NativeGenerator;
  /**
   * @param input 64 KiB or more, into which all sockets are read; must not be detached
   * @param events three numbers each: descriptor (negative: closed meanwhile), and as `PollerEvent`
   *   says; must not be detached
   * @param onEvents called once in a turn of the event loop, or more often if there is no more room;
   *   the arrays hold `count` events until it returns. Its result is for how many microseconds, at
   *   most 1000, the thread polls for the next event before it sleeps
   */
  Poller: new (
    input: Uint8Array,
    events: Int32Array,
    onEvents: (count: number) => number,
  ) => NativePoller;
  /**
   * Allocates zeroed memory in pages of its own: locked, excluded from core dumps, wiped when
   * collected.
   * @param size 1 byte to 16 MiB
   */
  allocate(size: number): Uint8Array<ArrayBuffer>;
  wipe(target: Uint8Array, offset: number, length: number): void;
  /**
   * Sends as much of a range as a socket takes without waiting.
   * @param fd an open socket of the caller's
   * @returns bytes sent, 0 if the socket is full; -1 if it has failed
   */
  send(source: Uint8Array, offset: number, length: number, fd: number): number;
  /** @returns null if `fd` is not a connected Unix socket */
  peerCredentials(fd: number): PeerCredentials | null;
  /** @returns the id of a group by its name; null if there is no such group */
  groupId(name: string): number | null;
  /** @returns the path of a Unix socket; null for other descriptors, and if it has no path */
  socketPath(fd: number): string | null;
  /**
   * Sends a datagram to a Unix socket, as sd_notify(3) does.
   * @param address a path, or `@` and an abstract name
   * @param wait for room in the receiver's queue, at most one second
   * @returns 0, or an errno: EAGAIN if there is no room
   */
  sendDatagram(address: string, message: string, wait: boolean): number;
  /**
   * Estimates the min-entropy of samples in a thread of its own.
   * @param samples one in each byte: 6012 or more, of at most 2^27 bits together
   * @param bitsPerSymbol 1 to 8, or 0 for as few as hold the largest sample
   * @param literalOnly leaves out the estimates per bit, as for restart data
   * @throws Error from the promise, that says what is wrong with the samples
   */
  assess(samples: Uint8Array, bitsPerSymbol: number, literalOnly?: boolean): Promise<Assessment>;
  /** @returns the names of the sources that every host is checked for */
  builtInSources(): string[];
  /** @returns undefined if there is no such built-in source; whether the host has it is not asked */
  describeSource(source: SourceToRead): SourceDescription | undefined;
  /**
   * Reads raw samples in a thread of its own, from instances of the source that reach no seed.
   * @param samples consecutive bytes of each instance
   * @param restarts instances, one after the other; all samples together are 2^27 at most
   * @returns the samples of all instances, or undefined if there is no such built-in source
   * @throws Error from the promise, that says why the source does not yield them
   */
  readSource(
    source: SourceToRead,
    samples: number,
    restarts: number,
  ): Promise<Uint8Array> | undefined;
  /**
   * Turns off core dumps and ptrace for this process: for programs, not for a library.
   * @returns false if the kernel refused
   */
  harden(): boolean;
}

export type LoadResult =
  | { addon: Addon; reason?: undefined }
  | { addon?: undefined; reason: string };

/**
 * Loads the addon: a local build, or else the one prebuilt for this platform.
 * @param root the package's directory
 * @returns the addon, or one line that says why there is none: not built, another platform, or a
 *   Node binary without OpenSSL's symbols
 */
export function loadAddon(root: string = packageRoot): LoadResult {
  try {
    return { addon: require('node-gyp-build')(root) as Addon };
  } catch (error) {
    return { reason: String((error as Error).message).replace(/\n.*/s, '') };
  }
}
