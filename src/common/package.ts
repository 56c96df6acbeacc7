/** This package: its folder, its version, and the native addon with what native/addon exports. */
import { createRequire } from 'node:module';
import { dirname } from 'node:path';

const require = createRequire(import.meta.url);

/** Found by the package's own name, so that it is the same from src/, dist/ and a bundle. */
const manifest = require.resolve('entropyd/package.json');

/** The package's folder, where native/, page/ and prebuilds/ are. */
export const packageRoot: string = dirname(manifest);

export const version: string = (require(manifest) as { version: string }).version;

export const sourceStates = ['absent', 'testing', 'passing', 'lost', 'failed'] as const;

/** A noise source as the generator sees it; counters run since the process started. */
export interface SourceReport {
  name: string;
  /** Devices only. */
  path?: string;
  /** What the kernel has behind /dev/hwrng, by its own name. */
  rngCurrent?: string;
  state: (typeof sourceStates)[number];
  /** The min-entropy that the health tests assume, bits per byte. */
  testedBitsPerByte: number;
  /** The min-entropy that seeds are credited with now, bits per byte. */
  creditedBitsPerByte: number;
  bytes: number;
  reads: number;
  retries: number;
  alarms: number;
  /** While it was being read, not over the whole time. */
  bytesPerSecond: number;
  lastAlarm: string;
  lastError: string;
}

export interface NativeSnapshot {
  state: 'seeding' | 'operational' | 'degraded' | 'error';
  /** Empty when there is nothing to say. */
  reason: string;
  sources: SourceReport[];
  reseeds: number;
  requestsSinceReseed: number;
  secondsSinceReseed: number;
  memoryLocked: boolean;
}

export interface DeviceOptions {
  name: string;
  path: string;
  /** 0 to 8. */
  creditedBitsPerByte: number;
}

export interface NativeOptions {
  profile: 'default' | 'strict';
  /** 1 to 2^32 - 1, as is `reseedSeconds`. */
  reseedRequests: number;
  reseedSeconds: number;
  devices: DeviceOptions[];
}

/** Results of `generate` and `reseed`: `Result` in native/generator/generator.h. */
export const NativeResult = { ok: 0, notSeeded: 1, health: 2, entropy: 3, pending: 4 } as const;

export interface NativeGenerator {
  /** Fills the range or leaves zeros in it; a `NativeResult`. */
  generate(
    target: Uint8Array,
    offset: number,
    length: number,
    predictionResistance: boolean,
  ): number;
  /** What prediction resistance takes from slow sources is read after this call. */
  beginFresh(): void;
  reseed(): number;
  /** Takes note of what slow sources reported. */
  poll(): void;
  /** True if all sources that are there passed. */
  selfTest(): boolean;
  /**
   * Raw samples of a source that is no device, for assessment; a multiple of 8.
   * @returns false, and zeros, where it is not there or does not answer
   */
  readNoise(target: Uint8Array, offset: number, length: number, source: string): boolean;
  snapshot(): NativeSnapshot;
  /** Ends its threads and erases its state; every later call but `poll` throws. */
  close(): void;
}

export interface PeerCredentials {
  pid: number;
  uid: number;
  /** The primary group first. */
  gids: number[];
}

export interface Addon {
  Generator: new (
    options: NativeOptions,
    onTransition: (state: NativeSnapshot['state'], reason: string) => void,
    onSourceChange: () => void,
  ) => NativeGenerator;
  /** Zeros in pages of their own: locked, undumpable, wiped when collected; 1 B to 16 MiB. */
  allocate(size: number): Uint8Array<ArrayBuffer>;
  wipe(target: Uint8Array, offset: number, length: number): void;
  /**
   * Sends what a socket takes of a range without waiting, and wipes that.
   * @param fd an open socket of the caller's
   * @returns bytes sent; 0 also where the socket has failed, as its next write will tell
   */
  sendAndWipe(source: Uint8Array, offset: number, length: number, fd: number): number;
  /** Null where `fd` is no connected Unix socket. */
  peerCredentials(fd: number): PeerCredentials | null;
  /** The id of a group by its name; null where there is none. */
  groupId(name: string): number | null;
  /** The path to which a Unix socket is bound; null where `fd` is none, or has none. */
  socketPath(fd: number): string | null;
  /**
   * Sends a datagram to a Unix socket, as sd_notify(3) does; waits at most a second.
   * @param address its path, or an abstract name after `@`
   * @returns 0, or an errno
   */
  sendDatagram(address: string, message: string): number;
  /** No core dumps, no ptrace: for programs, not for a library. False if refused. */
  harden(): boolean;
}

export type LoadResult =
  | { addon: Addon; reason?: undefined }
  | { addon?: undefined; reason: string };

/**
 * Loads the addon: a local build, else a prebuilt one for this platform.
 * @param root the package's folder
 * @returns the addon, or in one line why there is none (not built, another platform, or a Node
 *   binary without OpenSSL's symbols)
 */
export function loadAddon(root: string = packageRoot): LoadResult {
  try {
    return { addon: require('node-gyp-build')(root) as Addon };
  } catch (error) {
    return { reason: String((error as Error).message).replace(/\n.*/s, '') };
  }
}
