/**
 * A daemon in this process with scripted noise sources: the native generator with its health tests
 * and states, over sources of the tests' addon, behind the real server.
 */
import type { Test } from 'tap';
import { EntropyError } from '../../../src/common/errors.js';
import type { Generator, GeneratorState } from '../../../src/generator/interface.js';
import { addon, type ScriptedSource, type TestGenerator } from '../../native/addon.js';
import { fakeGenerator, startServer } from '../../support/daemon.js';

/** Members of a source's report that the snapshot of the tests' addon lacks. */
const rest = {
  testedBitsPerByte: 7,
  secondsInState: 0,
  physical: true,
  reads: 0,
  bytesPerSecond: 0,
};

/** The daemon's socket, and the switches of its sources. */
export interface ScriptedDaemon {
  readonly path: string;
  setFault: TestGenerator['setFault'];
  /** Reseeds, as SIGHUP does. */
  reseed(): void;
  /** While true the status is frozen: a blocked source is lost after 5 s, and judging the page takes longer. */
  still: boolean;
}

/**
 * Starts a daemon until the test ends.
 * @param sources the only ones that can be credited: the profile is `strict`
 */
export async function startScriptedDaemon(
  t: Test,
  sources: ScriptedSource[],
): Promise<ScriptedDaemon> {
  const native = new addon.Generator({ profile: 'strict', sources });
  let before = '';

  let picture: ReturnType<TestGenerator['snapshot']> | undefined;

  function snapshot() {
    if (!daemon.still || picture === undefined) {
      native.poll();
      picture = native.snapshot();
    }
    const { state, reason, ...more } = picture;
    const now = `${state}: ${reason}`;
    if (now !== before) context.transitions.note(state as GeneratorState, reason);
    before = now;
    return { ...more, state: state as GeneratorState, reason };
  }

  const generator: Partial<Generator> = {
    fill(target, offset, length) {
      const bytes = native.generate(length);
      if (typeof bytes === 'number') throw new EntropyError('ERR_HEALTH', snapshot().reason);
      target.set(bytes, offset);
    },
    status() {
      const { state, reason, reseeds, sources } = snapshot();
      return {
        ...fakeGenerator().status(),
        state,
        healthy: state === 'operational',
        reason,
        reseeds,
        sources: Object.entries(sources).map(([name, { credit, ...source }]) => ({
          ...rest,
          ...source,
          name,
          state: source.state as 'passing',
          creditedBitsPerByte: credit,
        })),
      };
    },
  };
  const { path, context } = await startServer(t, fakeGenerator(generator));
  const daemon: ScriptedDaemon = {
    path,
    setFault: (source, fault) => native.setFault(source, fault),
    reseed: () => void native.reseed(),
    still: false,
  };
  return daemon;
}
