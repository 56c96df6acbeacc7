import { readdirSync, readFileSync } from 'node:fs';
import { join, posix } from 'node:path';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import typescript from 'typescript';

/** The levels of src/, lowest first; a name that ends with a slash is a whole folder. */
const levels: readonly (readonly string[])[] = [
  ['errors.ts', 'version.ts', 'terminal.ts'],
  [
    'native.ts',
    'page-files.ts',
    'activation.ts',
    'probe.ts',
    'protocol.ts',
    'scanner.ts',
    'limits.ts',
    'codec.ts',
    'config.ts',
    'socket-path.ts',
    'config-file.ts',
    'gateway-config.ts',
    'toml-file.ts',
    'log-line.ts',
    'log.ts',
    'repeats.ts',
    'stale-socket.ts',
    'formats/',
  ],
  [
    'device-noise.ts',
    'generator-interface.ts',
    'generator-errors.ts',
    'native-generator.ts',
    'fallback-generator.ts',
    'generator.ts',
    'transitions.ts',
    'durations.ts',
    'counters.ts',
    'exposition.ts',
    'process-metrics.ts',
    'metrics.ts',
    'service-manager.ts',
    'watchdog.ts',
    'signals.ts',
    'call.ts',
    'connector.ts',
    'deadline-timer.ts',
    'request-writer.ts',
    'local-mix.ts',
    'answer-reader.ts',
    'channel.ts',
    'client-options.ts',
    'random-pieces.ts',
    'random-int.ts',
    'random-uuid.ts',
    'random-stream.ts',
    'caller.ts',
    'client.ts',
  ],
  ['server/', 'gateway/', 'aws-sdk.ts'],
  ['daemon.ts'],
  ['commands/'],
  ['entropyd.ts', 'entropyctl.ts', 'index.ts'],
];

/** Names of files below src/, each with what it imports: relative specifiers only. */
type Sources = ReadonlyMap<string, readonly string[]>;

/** Static, dynamic and type imports, and exports from. */
function importsOf(text: string): string[] {
  return typescript
    .preProcessFile(text, true, true)
    .importedFiles.map(({ fileName }) => fileName)
    .filter((name) => name.startsWith('.'));
}

function readSources(): Sources {
  const root = fileURLToPath(new URL('../src/', import.meta.url));
  const names = readdirSync(root, { recursive: true, encoding: 'utf8' }).filter((name) =>
    /\.[cm]?[jt]sx?$/.test(name),
  );
  return new Map(names.map((name) => [name, importsOf(readFileSync(join(root, name), 'utf8'))]));
}

/** The folder of src/ that a file is in or below; none for src/ itself. */
const folderOf = (name: string) => name.slice(0, name.indexOf('/') + 1);

/** What is wrong with the imports of `sources`, one line each. */
function faults(sources: Sources): string[] {
  const found: string[] = [];
  const levelOf = new Map<string, number>();
  for (const name of sources.keys()) {
    const at = levels.flatMap((entries, level) =>
      entries
        .filter((entry) => entry === name || (entry.endsWith('/') && name.startsWith(entry)))
        .map(() => level),
    );
    if (at.length !== 1) found.push(`${name} is listed in ${at.length} levels, want 1`);
    levelOf.set(name, at[0] ?? -1);
  }
  const edges = new Map<string, string[]>();
  for (const [name, specifiers] of sources) {
    const targets: string[] = [];
    for (const specifier of specifiers) {
      const target = posix.join(posix.dirname(name), specifier).replace(/\.js$/, '.ts');
      if (!sources.has(target)) {
        found.push(`${name} imports ${specifier}, which is no file of src/`);
        continue;
      }
      targets.push(target);
      const [own, other] = [levelOf.get(name) ?? -1, levelOf.get(target) ?? -1];
      if (target === 'index.ts') found.push(`${name} imports index.ts, which is for users`);
      else if (other > own) found.push(`${name} (level ${own}) imports ${target} (level ${other})`);
      else if (other === own && folderOf(name) !== folderOf(target))
        found.push(`${name} imports ${target}, another folder of level ${own}`);
    }
    edges.set(name, targets);
  }
  return [...found, ...circles(edges)];
}

/** Every circle once: depth first, an edge to a file that is still open closes one. */
function circles(edges: ReadonlyMap<string, readonly string[]>): string[] {
  const found: string[] = [];
  const done = new Set<string>();
  const visit = (name: string, open: readonly string[]) => {
    const at = open.indexOf(name);
    if (at >= 0) {
      found.push(`a circle: ${[...open.slice(at), name].join(' -> ')}`);
      return;
    }
    if (done.has(name)) return;
    for (const target of edges.get(name) ?? []) visit(target, [...open, name]);
    done.add(name);
  };
  for (const name of edges.keys()) visit(name, []);
  return found;
}

t.test('every file imports from its own folder or from lower levels, in no circle', async (t) => {
  const sources = readSources();
  t.ok(sources.size > 30, `${sources.size} files`);
  t.ok([...sources.values()].flat().length > 60, 'their imports are seen');
  t.strictSame(faults(sources), []);
});

t.test('a fault is found, whatever it is', async (t) => {
  for (const [name, sources, wanted] of [
    [
      'no fault',
      { 'errors.ts': [], 'client.ts': ['./errors.js', './channel.js'], 'channel.ts': [] },
      [],
    ],
    [
      'an import from above',
      { 'errors.ts': [], 'config.ts': ['./client.js'], 'client.ts': ['./errors.js'] },
      ['config.ts (level 1) imports client.ts (level 2)'],
    ],
    [
      'an import from above, out of a folder',
      { 'server/a.ts': ['../daemon.js'], 'daemon.ts': [] },
      ['server/a.ts (level 3) imports daemon.ts (level 4)'],
    ],
    [
      'an import from beside',
      { 'server/a.ts': ['../gateway/b.js'], 'gateway/b.ts': [] },
      ['server/a.ts imports gateway/b.ts, another folder of level 3'],
    ],
    [
      'a circle of two',
      { 'server/a.ts': ['./b.js'], 'server/b.ts': ['./a.js'] },
      ['a circle: server/a.ts -> server/b.ts -> server/a.ts'],
    ],
    [
      'a circle of three behind a way into it',
      {
        'commands/way.ts': ['../generator.js'],
        'generator.ts': ['./client.js'],
        'client.ts': ['./channel.js'],
        'channel.ts': ['./generator.js'],
      },
      ['a circle: generator.ts -> client.ts -> channel.ts -> generator.ts'],
    ],
    ['an import of itself', { 'log.ts': ['./log.js'] }, ['a circle: log.ts -> log.ts']],
    ['a file in no level', { 'helpers.ts': [] }, ['helpers.ts is listed in 0 levels, want 1']],
    [
      'an import of index',
      { 'entropyd.ts': ['./index.js'], 'index.ts': [] },
      ['entropyd.ts imports index.ts, which is for users'],
    ],
    [
      'an import from outside',
      { 'log.ts': ['../test/support.js'] },
      ['log.ts imports ../test/support.js, which is no file of src/'],
    ],
  ] as [string, Record<string, string[]>, string[]][])
    t.strictSame(faults(new Map(Object.entries(sources))), wanted, name);
});

t.test('imports are found in every form, and in no comment', async (t) => {
  const text = `
    import a from './a.js';
    import type { B } from './b.js';
    import './c.js';
    export { d } from './d.js';
    export type * from './e.js';
    const f = () => import('./f.js');
    type G = typeof import('./g.js');
    import { h } from 'node:fs';
    // import x from './x.js';
    const y = "import y from './y.js'";
  `;
  t.strictSame(
    importsOf(text).sort(),
    ['a', 'b', 'c', 'd', 'e', 'f', 'g'].map((name) => `./${name}.js`),
  );
});
