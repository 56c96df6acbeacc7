/**
 * A daemon in this process with scripted noise sources: the native generator with its health tests
 * and states, over sources of the tests' addon, behind the real server.
 */
import type { Test } from 'tap';
import type { Profile, SourceReport } from '../../../src/common/package.js';
import {
  failure,
  type Generator,
  type GeneratorState,
  type GeneratorStatus,
} from '../../../src/generator/interface.js';
import { addon, type ScriptedSource, type TestGenerator } from '../../native/addon.js';
import { fakeGenerator, startServer } from '../../support/daemon.js';

/** The daemon's socket, and what a test does to it. */
export interface ScriptedDaemon {
  readonly path: string;
  setFault: TestGenerator['setFault'];
  /** Lets the generator's clock go on: nothing but this does. */
  advance(seconds: number): void;
  /** Reseeds, as SIGHUP does. */
  reseed(): void;
  /** Tests the sources, as `entropyctl selftest` does. */
  selfTest(): boolean;
}

/**
 * Starts a daemon until the test ends; no other sources can be credited in profile `strict`.
 * @param at where its socket is; default: a path of this test's
 */
export async function startScriptedDaemon(
  t: Test,
  sources: ScriptedSource[],
  profile: Profile = 'strict',
  at?: string,
): Promise<ScriptedDaemon> {
  const native = new addon.Generator({ profile, sources });
  let now = 0;
  let before = '';
  /** When each source's state was first seen. */
  const entered = new Map<string, { state: string; at: number }>();

  function secondsInState(name: string, state: string): number {
    const last = entered.get(name);
    if (last?.state === state) return now - last.at;
    entered.set(name, { state, at: now });
    return 0;
  }

  function status(): GeneratorStatus {
    native.poll();
    const { state, reason, construction, reseeds, sources: reports } = native.snapshot();
    const seen = `${state}: ${reason}`;
    if (seen !== before) context.transitions.note(state as GeneratorState, reason);
    before = seen;
    return {
      ...fakeGenerator().status(),
      state: state as GeneratorState,
      healthy: state === 'operational',
      reason,
      construction: construction as GeneratorStatus['construction'],
      reseeds,
      sources: sources.map(({ name, tested = 7, physical = true }) => {
        const { credit, ...report } = reports[name] as (typeof reports)[string];
        return {
          ...report,
          name,
          state: report.state as SourceReport['state'],
          secondsInState: secondsInState(name, report.state),
          physical,
          testedBitsPerByte: tested,
          creditedBitsPerByte: credit,
          reads: 0,
          bytesPerSecond: 0,
        };
      }),
    };
  }

  const generator: Partial<Generator> = {
    fill(target, offset, length) {
      const bytes = native.generate(length);
      if (typeof bytes === 'number') throw failure(bytes, status().reason);
      target.set(bytes, offset);
    },
    status,
  };
  const where = at === undefined ? {} : { path: at };
  const { path, context } = await startServer(t, fakeGenerator(generator), where);
  return {
    path,
    setFault: (source, fault) => native.setFault(source, fault),
    advance(seconds) {
      now += seconds;
      addon.advanceClock(seconds);
    },
    reseed: () => void native.reseed(),
    selfTest: () => native.selfTest(),
  };
}
