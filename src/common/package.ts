/** This package: its directory, its version, and the native addon with the types it exports. */
import { createRequire } from 'node:module';
import { dirname } from 'node:path';

const require = createRequire(import.meta.url);

/** Found by the package's own name, so that src/, dist/ and a bundle find the same. */
const manifest = require.resolve('entropyd/package.json');

/** The package's directory, which holds native/, page/ and prebuilds/. */
export const packageRoot: string = dirname(manifest);

export const version: string = (require(manifest) as { version: string }).version;

/** `strict` refuses the fallback and credits nothing to getrandom(2). */
export const profiles = ['default', 'strict'] as const;
export type Profile = (typeof profiles)[number];

export const sourceStates = ['absent', 'testing', 'passing', 'lost', 'failed'] as const;

/** A noise source as the generator sees it. Counters run since the process started. */
export interface SourceReport {
  name: string;
  /** Devices only. */
  path?: string;
  /** /dev/hwrng only: the kernel's name for the driver behind it. */
  rngCurrent?: string;
  state: (typeof sourceStates)[number];
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

/** The native generator's state, from one moment. */
export interface NativeSnapshot {
  state: 'seeding' | 'operational' | 'degraded' | 'error';
  /** Empty if there is nothing to say. */
  reason: string;
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
  /** Min-entropy to credit to seeds, 0 to 8. */
  creditedBitsPerByte: number;
}

export interface NativeOptions {
  profile: Profile;
  /** DRBG generates between reseeds, 1 to 2^32 - 1. */
  reseedRequests: number;
  /** 1 to 2^32 - 1. */
  reseedSeconds: number;
  devices: DeviceOptions[];
}

/** Results of `generate` and `reseed`: the enum `Result` of the native generator. */
export const NativeResult = { ok: 0, notSeeded: 1, health: 2, entropy: 3, pending: 4 } as const;

export interface NativeGenerator {
  /**
   * Fills a range, or leaves zeros in it.
   * @returns a `NativeResult`; `pending` until a slow source has reported
   */
  generate(
    target: Uint8Array,
    offset: number,
    length: number,
    predictionResistance: boolean,
  ): number;
  /** Slow sources are read after this call for the next prediction-resistant `generate`. */
  beginFresh(): void;
  /** @returns a `NativeResult` */
  reseed(): number;
  /** Takes over what slow sources have reported. */
  poll(): void;
  /** @returns true if every source that is present passed */
  selfTest(): boolean;
  /**
   * Reads raw samples of a source that is not a device, for assessment.
   * @param length bytes, a multiple of 8
   * @returns false, and leaves zeros, if the source is absent or does not answer
   */
  readNoise(target: Uint8Array, offset: number, length: number, source: string): boolean;
  snapshot(): NativeSnapshot;
  /** Ends its threads and erases its state. Every later call throws, except `poll` and `close`. */
  close(): void;
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
   * Allocates zeroed memory in pages of its own: locked, excluded from core dumps, wiped when
   * collected.
   * @param size 1 byte to 16 MiB
   */
  allocate(size: number): Uint8Array<ArrayBuffer>;
  wipe(target: Uint8Array, offset: number, length: number): void;
  /**
   * Sends as much of a range as a socket takes without waiting, and wipes what was sent.
   * @param fd an open socket of the caller's
   * @returns bytes sent; 0 also if the socket has failed, which its next write reports
   */
  sendAndWipe(source: Uint8Array, offset: number, length: number, fd: number): number;
  /** @returns null if `fd` is not a connected Unix socket */
  peerCredentials(fd: number): PeerCredentials | null;
  /** @returns the id of a group by its name; null if there is no such group */
  groupId(name: string): number | null;
  /** @returns the path of a Unix socket; null for other descriptors, and if it has no path */
  socketPath(fd: number): string | null;
  /**
   * Sends a datagram to a Unix socket, as sd_notify(3) does. Waits at most one second.
   * @param address a path, or `@` and an abstract name
   * @returns 0, or an errno
   */
  sendDatagram(address: string, message: string): number;
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
