/** The report of an assessment: its folder, its JSON, and a page that loads nothing. */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { assess } from '../../src/entropyctl/assess.js';
import { hostFacts } from '../../src/entropyctl/report/host.js';
import { shellWord } from '../../src/entropyctl/report/markup.js';
import {
  autocorrelation,
  bitPlanes,
  falseAlarms,
  histogram,
} from '../../src/entropyctl/report/measures.js';
import { reportPage } from '../../src/entropyctl/report/page.js';
import { plot } from '../../src/entropyctl/report/plots.js';
import type { Report } from '../../src/entropyctl/report/report.js';
import { sourceIntervals, stateChanges } from '../../src/entropyctl/report/write.js';
import { prng } from '../native/assess_sequences.js';
import { temporaryFolder } from '../support/paths.js';
import { printedBy } from '../support/program.js';

const folder = join(temporaryFolder(), 'report');
mkdirSync(folder);
const random = prng(11);
const samples = Uint8Array.from({ length: 10_000 }, () => Math.floor(random() ** 2 * 256));
const source = join(folder, 'source');
writeFileSync(source, samples);
/** No daemon is there. */
const socket = join(folder, 'no.sock');
const small = { samples: 8_000, restarts: { restarts: 100, samples: 80 }, socket };

/** Assesses `source` into a folder of this name. @returns the report, and where it is */
async function reportOf(t: Test, name: string): Promise<{ report: Report; path: string }> {
  const path = join(folder, name);
  await printedBy(t, () => assess(source, { ...small, report: path }));
  process.exitCode = 0;
  return { report: JSON.parse(readFileSync(join(path, 'report.json'), 'utf8')), path };
}

t.test('the folder is private, and has samples, hashes, JSON and page', async (t) => {
  const { report, path } = await reportOf(t, 'whole');
  t.equal(statSync(path).mode & 0o777, 0o700);
  const names = ['SHA256SUMS', 'report.html', 'report.json', 'restarts.bin', 'samples.bin'];
  t.strictSame(readdirSync(path).sort(), names);
  for (const name of names) t.equal(statSync(join(path, name)).mode & 0o777, 0o600, name);
  execFileSync('sha256sum', ['-c', 'SHA256SUMS'], { cwd: path, stdio: 'pipe' });
  const read = readFileSync(join(path, 'samples.bin'));
  t.ok(read.equals(samples.subarray(0, 8000)));
  t.strictSame(
    report.files.map(({ name, size }) => [name, size]),
    [
      ['samples.bin', 8000],
      ['restarts.bin', 8000],
    ],
  );
  t.equal(report.files[0]?.sha256, createHash('sha256').update(read).digest('hex'));
});

t.test(
  'the JSON has everything that was found, and what a failed restart test means',
  async (t) => {
    const { report } = await reportOf(t, 'json');
    t.match(report, {
      reportVersion: 1,
      created: /^\d{4}-\d\d-\d\dT/,
      source: { name: source, path: source, repetitionCutoff: 6, proportionCutoff: 22 },
      samples: 8000,
      assessment: { bitsPerSymbol: 8 },
      daemon: null,
      falseAlarms: { perGibibyte: 1 + 1 / 512 },
    });
    // A file begins again with each instance.
    t.match(report.restarts, { passed: false, minEntropy: 0, highest: { column: 100 } });
    t.equal(report.minEntropy, 0);
    t.equal(report.assessment.estimates.length, 10);
    t.equal(
      report.histogram.reduce((sum, each) => sum + each, 0),
      8000,
    );
    t.strictSame(report.repeat, [
      'sha256sum -c SHA256SUMS',
      'ea_non_iid -i -a -v samples.bin 8',
      'entropyctl assess --input samples.bin --bits-per-symbol 8 --restart-input restarts.bin --restarts 100x80',
    ]);
  },
);

t.test('the same figures come from the report’s own files', async (t) => {
  const { report, path } = await reportOf(t, 'again');
  const printed = await printedBy(t, () =>
    assess(undefined, {
      input: join(path, 'samples.bin'),
      restartInput: join(path, 'restarts.bin'),
      restarts: { restarts: 100, samples: 80 },
      bitsPerSymbol: 8,
      json: true,
    }),
  );
  t.equal(process.exitCode, 1, 'the restart test failed');
  process.exitCode = 0;
  const { estimates, restarts } = JSON.parse(printed);
  t.strictSame([estimates, restarts], [report.assessment.estimates, report.restarts]);
});

t.test('a folder with files is refused, and so is a place that cannot be written', async (t) => {
  const full = join(folder, 'full');
  mkdirSync(full);
  writeFileSync(join(full, 'x'), '');
  await t.rejects(assess(source, { ...small, report: full }), {
    code: 'ERR_REPORT',
    message: `${full} is not empty: name a new folder`,
  });
  t.strictSame(readdirSync(full), ['x']);
  const unmade = join(folder, 'unmade');
  await t.rejects(assess('rdsed', { ...small, report: unmade }), { code: 'ERR_PARAMS' });
  t.notOk(existsSync(unmade), 'nothing is made for what is no source');
  await t.rejects(assess(source, { ...small, report: join(folder, 'no', 'no') }), {
    code: 'ENOENT',
  });
  await t.rejects(assess(source, { ...small, report: source }), { code: 'ENOTDIR' });
  const empty = join(folder, 'empty');
  mkdirSync(empty);
  chmodSync(empty, 0o755);
  await printedBy(t, () => assess(source, { ...small, report: empty }));
  process.exitCode = 0;
  t.equal(statSync(join(empty, 'samples.bin')).mode & 0o777, 0o600);
});

/** Element names that may be empty in HTML, or end themselves in SVG. */
const withoutEnd = new Set(['meta', 'path']);

/** Faults of nesting, and of quotes, in a page; and its elements with their attributes. */
function parse(page: string): { faults: string[]; elements: [string, Record<string, string>][] } {
  const faults: string[] = [];
  const elements: [string, Record<string, string>][] = [];
  const open: string[] = [];
  const body = page.replace(/<style>[^<]*<\/style>/, '<style></style>');
  for (const [tag] of body.matchAll(/<[^>]*>/g)) {
    if (tag === '<!doctype html>') continue;
    const end = /^<\/([a-z][a-z0-9]*)>$/.exec(tag)?.[1];
    if (end !== undefined) {
      if (open.pop() !== end) faults.push(tag);
      continue;
    }
    const [, name = '', rest = ''] =
      /^<([a-z][a-z0-9]*)((?: [\w:-]+="[^"<]*")*)\/?>$/i.exec(tag) ?? [];
    if (name === '') faults.push(tag);
    elements.push([
      name,
      Object.fromEntries(
        [...rest.matchAll(/ ([\w:-]+)="([^"]*)"/g)].map(([, key, value]) => [key, value]),
      ),
    ]);
    if (!withoutEnd.has(name)) open.push(name);
  }
  return { faults: [...faults, ...open], elements };
}

t.test('the page is well formed and loads nothing', async (t) => {
  const { report, path } = await reportOf(t, 'page');
  const page = readFileSync(join(path, 'report.html'), 'utf8');
  t.equal(page, reportPage(report), 'made from the JSON alone');
  const { faults, elements } = parse(page);
  t.strictSame(faults, []);
  const names = new Set(elements.map(([name]) => name));
  for (const name of ['script', 'link', 'img', 'iframe', 'object', 'a', 'use', 'image'])
    t.notOk(names.has(name), name);
  const attributes = new Set(elements.flatMap(([, found]) => Object.keys(found)));
  for (const name of ['src', 'href', 'style', 'onclick', 'xlink:href'])
    t.notOk(attributes.has(name), name);
  t.notMatch(page, /https?:|url\(|@import/);
  t.ok(elements.some(([, { content }]) => content?.startsWith("default-src 'none'")));
  for (const [name, found] of elements)
    if (name === 'path') t.notMatch(found.d, /NaN|Infinity|undefined/);
  t.match(page, '@media print');
  for (const text of [
    'No min-entropy: sanity check: a value occurs 100 times in a column',
    '1 + ⌈30 / 7⌉',
    'min(512, 1 + CRITBINOM(512, 2^-7, 1 - 2^-30))',
    '7.14 of 8 bits',
    report.files[0]?.sha256 as string,
    report.host.kernel,
  ])
    t.ok(page.includes(text.replaceAll("'", '&#39;')), text);
});

t.test('texts of host, driver and paths are nothing but text', async (t) => {
  const { report } = await reportOf(t, 'hostile');
  const bad = '"><script>x</script>\u001b[2J\'&';
  const { faults, elements } = parse(
    reportPage({
      ...report,
      command: [bad],
      input: bad,
      host: {
        ...report.host,
        hostname: bad,
        cpu: bad,
        kernel: bad,
        hwrngDriver: bad,
        microcode: bad,
      },
      source: report.source && { ...report.source, name: bad, path: bad },
      daemon: {
        version: bad,
        state: bad,
        uptimeSeconds: 5,
        bytes: 1,
        alarms: 1,
        lastAlarm: bad,
        history: [],
        transitions: [{ time: bad, state: bad, reason: bad }],
      },
      files: [{ name: bad, size: 1, sha256: bad }],
      repeat: [bad],
    }),
  );
  t.strictSame(faults, []);
  t.notOk(elements.some(([name]) => name === 'script'));
});

t.test('a passing source, a file without a source, and no restarts have a page too', async (t) => {
  const { report } = await reportOf(t, 'kinds');
  const restarts = report.restarts && {
    ...report.restarts,
    passed: true,
    failures: [],
    minEntropy: 2,
  };
  for (const [change, text] of [
    [{ restarts, minEntropy: 2 }, 'Min-entropy: 2.000000 bits per sample of 8 bits'],
    [{ restarts: null, minEntropy: 3 }, 'No restart data were assessed.'],
    [{ source: null, falseAlarms: null, input: 'x.bin' }, 'its source is unknown'],
    [
      {
        daemon: {
          version: '1',
          state: 'passing',
          uptimeSeconds: 10,
          bytes: 20,
          alarms: 0,
          lastAlarm: '',
          history: [],
          transitions: [],
        },
        falseAlarms: falseAlarms(-30, 512, 2),
      },
      'At the 2.0 bytes per second that the daemon reads here, that is 0.0589 per year.',
    ],
  ] as const) {
    const page = reportPage({ ...report, ...change } as Report);
    t.match(page, text);
    t.strictSame(parse(page).faults, []);
  }
});

t.test('measures of the samples', async (t) => {
  t.strictSame(histogram(Uint8Array.from([0, 255, 255])).slice(-2), [0, 2]);
  const alternating = Uint8Array.from({ length: 1000 }, (_, i) => i % 2);
  const [one = 0, two = 0] = autocorrelation(alternating, 2);
  t.ok(one < -0.99 && two > 0.99);
  t.strictSame(autocorrelation(new Uint8Array(10), 2), [0, 0], 'equal samples');
  t.strictSame(bitPlanes(Uint8Array.from([0b10, 0b11, 0b10, 0b11]), 2), [
    { bit: 0, ones: 0.5, changes: 1 },
    { bit: 1, ones: 1, changes: 0 },
  ]);
  t.strictSame(falseAlarms(-30, 512, undefined), {
    bytesPerSecond: undefined,
    perGibibyte: 1 + 1 / 512,
    perYear: undefined,
  });
});

t.test('a plot leaves gaps, and keeps to its scale', async (t) => {
  const base = { title: 'a < b', ends: ['x', 'y'], scale: { low: 0, high: 1 } } as const;
  const line = plot({ ...base, values: [0, Number.NaN, 1, 9], kind: 'line' });
  t.match(line, 'aria-label="a &lt; b"');
  t.match(line, /d="M\d[\d.]* 176h0M\d[\d.]* 10h0L\d[\d.]* 10"/);
  t.strictSame(parse(plot({ ...base, values: [], kind: 'bars' })).faults, []);
});

t.test('the last day shows rate, waiting, alarms and changes of state', async (t) => {
  const { report } = await reportOf(t, 'day');
  const interval = { time: '2026-05-01T00:00:00Z', bytesPerSecond: 7, waiting: 0.5, alarms: 0 };
  const history = [0, 2, 1].map((alarms) => ({ ...interval, alarms, reseeds: 3 }));
  const transitions = [{ time: 'then', state: 'degraded', reason: 'rdseed failed' }];
  const known = { version: '1', state: 'passing', uptimeSeconds: 9, bytes: 9, alarms: 3 };
  const daemon = { ...known, lastAlarm: '', history, transitions };
  const page = reportPage({ ...report, daemon });
  t.strictSame(parse(page).faults, []);
  t.match(
    page,
    /Recorded intervals of five minutes or less: 3\. Alarms of the source: 3\. Reseeds: 9\. Changes of state: 1\./,
  );
  t.match(page, '<th scope="row">then</th><td>degraded</td><td>rdseed failed</td>');
  t.equal(page.match(/class="event"/g)?.length, 4, 'two intervals with alarms, in two plots');
  const young = reportPage({ ...report, daemon: { ...daemon, history: history.slice(0, 1) } });
  t.match(young, 'Plots of rate and waiting take two intervals.');
  t.notMatch(young, 'class="event"');
  t.match(reportPage({ ...report, daemon: null }), 'No daemon of this host was asked, or');
});

t.test('whatever a daemon calls its history, what fits is taken', async (t) => {
  const record = {
    ...{ time: 'x', seconds: 300, reseeds: 2 },
    sources: [{ name: 'rdseed', bytes: 600, alarms: 1, waitingSeconds: 900 }],
  };
  const records = [record, 7, {}, { ...record, seconds: 0 }, { ...record, sources: 'x' }];
  t.strictSame(sourceIntervals({ records }, 'rdseed'), [
    { time: 'x', bytesPerSecond: 2, waiting: 1, alarms: 1, reseeds: 2 },
  ]);
  const change = { time: 'a', state: 'b', reason: 'c\u001b[2J' };
  const transitions = [change, 7, {}, { ...change, state: 7 }];
  t.strictSame(stateChanges({ transitions }), [{ ...change, reason: 'c\ufffd[2J' }]);
  for (const nothing of [undefined, null, 7, {}])
    t.strictSame([...sourceIntervals(nothing, 'x'), ...stateChanges(nothing)], []);
});

t.test('a command is printed as a shell takes it', async (t) => {
  for (const word of ['--report', '/a/b c', "it's", '', '$(x)', 'a\nb', '*'])
    t.equal(execFileSync('sh', ['-c', `printf %s ${shellWord(word)}`], { encoding: 'utf8' }), word);
  t.equal(shellWord('--samples=10'), '--samples=10');
});

t.test('facts of a host that tells nothing are empty texts', async (t) => {
  t.match(
    hostFacts(() => ''),
    { microcode: '', clockSource: '', virtualized: false },
  );
  const cpuinfo =
    'model name\t: A CPU\nflags\t\t: fpu hypervisor\nmicrocode\t: 0x1\nstepping\t: 2\n';
  t.match(
    hostFacts((path) => (path === '/proc/cpuinfo' ? cpuinfo : 'x')),
    { cpu: 'A CPU, stepping 2', microcode: '0x1', virtualized: true, hwrngDriver: 'x' },
  );
});

t.test('the initial estimate is the least of estimate and claim', async (t) => {
  const input = join(folder, 'source');
  const jsonOf = async (claim: number | undefined) => {
    const path = join(folder, `claim ${claim}`);
    const options = { input, restartInput: input, restarts: { restarts: 100, samples: 100 } };
    await printedBy(t, () =>
      assess(undefined, { ...options, ...(claim ? { claim } : {}), report: path }),
    );
    process.exitCode = 0;
    return JSON.parse(readFileSync(join(path, 'report.json'), 'utf8')) as Report;
  };
  const free = await jsonOf(undefined);
  t.equal(free.claim, null);
  t.equal(free.hInitial, free.assessment.minEntropy);
  const low = await jsonOf(0.5);
  t.strictSame([low.claim, low.hInitial, low.restarts?.hInitial], [0.5, 0.5, 0.5]);
  t.match(low.restarts, { passed: true, minEntropy: 0.5 });
  t.equal(low.minEntropy, 0.5);
  t.match(low.repeat.at(-1), ' --claim 0.5 ');
  t.match(
    reportPage(low),
    'The designer claims 0.500000 bits per sample: H_I = 0.500000 is the lesser.',
  );
  const high = await jsonOf(8);
  t.equal(high.hInitial, free.hInitial);
});
