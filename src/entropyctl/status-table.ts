/**
 * The daemon's status as a table of 80 columns. It shortens figures; `--json` has them in full.
 * Long because each line of the table has its function.
 */
import { type Bound, quantile } from '../common/histogram.js';
import { constructions, type SourceReport } from '../common/package.js';
import { causeOf, stateLine } from '../common/state.js';
import { printable, type Style } from '../common/terminal.js';
import type { Rates } from './rates.js';
import {
  entriesOf,
  objectsIn,
  type ReportedStatus,
  sourcesOf,
  tailShare,
} from './reported-status.js';
import {
  bytes,
  cell,
  count,
  defaultColumns,
  duration,
  type Line,
  perSecond,
  wrap,
} from './terminal-ui.js';

/** Columns of the section titles. */
const indent = 14;
const room = defaultColumns - indent;

/** A longer reason is cut. */
const maxReasonLines = 3;

/** By state of the generator or of a source. */
const styles: Record<string, Style> = {
  operational: 'green',
  passing: 'green',
  degraded: 'yellow',
  fallback: 'yellow',
  testing: 'yellow',
  waiting: 'yellow',
  seeding: 'yellow',
  lost: 'yellow',
  error: 'red',
  failed: 'red',
  absent: 'dim',
};

/** Columns of the sources after their names: title, width, alignment. */
const sourceColumns = [
  ['state', 9, 'left'],
  ['credit', 10, 'right'],
  ['samples', 11, 'right'],
  ['rate', 13, 'right'],
  ['retries', 10, 'right'],
  ['alarms', 10, 'right'],
] as const;

/** Columns of the names and values of limits. */
const limitName = 41;
const limitValue = 9;

/** Columns of the codes and counts of refusals. */
const refusalCode = 22;
const refusalCount = 8;

/**
 * The table, section by section.
 * @param rates since the last status, when watching
 */
export function renderStatus(status: ReportedStatus, rates?: Rates): Line[] {
  return [
    ...stateLines(status),
    ...(rates === undefined ? [] : section('Now', rateLines(rates))),
    [],
    ...sourceLines(status),
    [],
    ...section('Requests', requestLines(status)),
    ...section('Clients', clientLines(status)),
    ...section('Refused', refusalLines(status)),
    ...section('Changes', changeLines(status)),
    ...section('Limits', limitLines(status)),
  ];
}

/** A reported value as one printable line. */
function textOf(value: unknown): string {
  return value === undefined || value === null ? '?' : printable(value);
}

function styleOf(state: unknown): Style | undefined {
  return typeof state === 'string' && Object.hasOwn(styles, state) ? styles[state] : undefined;
}

/** Lines indented below a title, which stands on the first of them. */
function section(title: string, lines: readonly Line[]): Line[] {
  return lines.map((line, index) => [
    { text: cell(index === 0 ? title : '', indent), style: 'bold' },
    ...line,
  ]);
}

function paragraph(value: unknown, style?: Style): Line[] {
  return wrap(textOf(value), room, maxReasonLines).map((text) => [{ text, style }]);
}

const none: readonly Line[] = [[{ text: 'none' }]];

/** The state comes first: it is what people look for. */
function stateLines(status: ReportedStatus): Line[] {
  const { state, reason, construction, memoryLocked } = status;
  const { reseeds, secondsSinceReseed, requestsSinceReseed } = status;
  const { version, pid, uptimeSeconds, node, openssl } = status;
  const age = `${duration(secondsSinceReseed)} and ${count(requestsSinceReseed)} generates ago`;
  const line = stateLine(textOf(state), reason ? textOf(reason) : '');
  return [
    ...section('State', paragraph(line, styleOf(state))),
    ...section('Seeds', [[{ text: `${count(reseeds)}, the last ${age}` }]]),
    ...section('Construction', construction ? paragraph(constructionText(construction)) : []),
    ...section('Memory', [
      [memoryLocked ? { text: 'locked' } : { text: 'not locked', style: 'yellow' }],
    ]),
    ...section('Daemon', [
      [
        {
          text: `entropyd ${textOf(version)}   pid ${textOf(pid)}   up ${duration(uptimeSeconds)}`,
        },
      ],
      [{ text: `Node ${textOf(node)}   OpenSSL ${textOf(openssl)}` }],
    ]),
  ];
}

/** What a seed's credited entropy came from, by the classes of SP 800-90C. */
const constructionTexts: Record<(typeof constructions)[number], string> = {
  'RBG2(P)': 'RBG2(P): seeded by physical noise sources',
  'RBG2(NP)': 'RBG2(NP): seeded by noise that is not physical',
  RBGC: "RBGC: seeded by the kernel's generator alone",
};

function constructionText(construction: unknown): string {
  const known = constructions.find((each) => each === construction);
  return known === undefined ? textOf(construction) : constructionTexts[known];
}

function rateLines(rates: Rates): Line[] {
  const { requestsPerSecond, bytesPerSecond, readsPerSecond, p50, p99 } = rates;
  const flow = [
    `requests ${perSecond(requestsPerSecond)}`,
    `bytes ${bytes(bytesPerSecond)}/s`,
    `reads ${perSecond(readsPerSecond)}`,
  ].join('   ');
  return [
    [{ text: flow, style: 'cyan' }],
    [{ text: `served in ${latency(p50, p99)}`, style: 'cyan' }],
  ];
}

function latency(p50: Bound | undefined, p99: Bound | undefined): string {
  return `p50 ${boundText(p50)}   p99 ${boundText(p99)}`;
}

/** A quantile as its bound, such as `≤ 50 µs`; `-` if there were no samples. */
export function boundText(bound: Bound | undefined): string {
  return bound === undefined ? '-' : `${bound.above ? '>' : '≤'} ${duration(bound.seconds)}`;
}

function sourceLines(status: ReportedStatus): readonly Line[] {
  const all = sourcesOf(status);
  if (all.length === 0) return section('Sources', none);
  const titles = sourceColumns.map(([title, width, align]) => cell(title, width, align)).join('');
  const heading: Line = [
    { text: cell('Sources', indent), style: 'bold' },
    { text: titles, style: 'dim' },
  ];
  return [heading, ...all.flatMap(oneSource)];
}

function oneSource(source: Partial<SourceReport>): Line[] {
  const { name, state, creditedBitsPerByte: credited, testedBitsPerByte: tested } = source;
  const values =
    state === 'absent'
      ? [state]
      : [
          textOf(state),
          `${bits(credited)}/${bits(tested)}`,
          bytes(source.bytes),
          `${bytes(source.bytesPerSecond)}/s`,
          count(source.retries),
          count(source.alarms),
        ];
  // A space always separates the name from the state, even if the name has to be cut.
  const line: Line = [
    { text: `${cell(textOf(name), indent - 1)} ` },
    ...values.map((text, index) => {
      const [, width, align] = sourceColumns[index] as (typeof sourceColumns)[number];
      return { text: cell(text, width, align), style: index === 0 ? styleOf(state) : undefined };
    }),
  ];
  const notes = notesOn(source).join('; ');
  return [line, ...(notes === '' ? [] : section('', paragraph(notes)))];
}

/** Bits per byte, which may be a fraction. */
function bits(value: unknown): string {
  return typeof value === 'number' ? String(Number(value.toFixed(3))) : textOf(value);
}

/** States of which people ask for how long. */
const lasting: readonly unknown[] = ['waiting', 'lost', 'failed'];

function notesOn(source: Partial<SourceReport>): string[] {
  const { name, state, path, rngCurrent, lastAlarm, lastError } = source;
  return [
    lasting.includes(state) ? `for ${duration(source.secondsInState)}` : '',
    name === 'jitter' ? 'CPU timing, not physical' : '',
    source.hiddenByKernel === true ? 'hidden by the kernel, which does not use it' : '',
    path ? textOf(path) : '',
    rngCurrent ? textOf(rngCurrent) : '',
    lastAlarm ? `last alarm: ${textOf(lastAlarm)}` : '',
    lastError ? `last error: ${textOf(lastError)}` : '',
  ].filter((note) => note !== '');
}

function requestLines({ requests, randomBytes, serving }: ReportedStatus): Line[] {
  const mean =
    typeof serving?.count === 'number' && serving.count > 0
      ? duration(serving.seconds / serving.count)
      : '-';
  const quantiles = latency(quantile(serving, 0.5), quantile(serving, tailShare));
  return [
    [{ text: `${count(requests)}   random bytes ${bytes(randomBytes)}` }],
    [{ text: `${count(serving?.count)} reads, served in ${quantiles}   mean ${mean}` }],
  ];
}

function clientLines({ connections, connectionsTotal, sockets }: ReportedStatus): Line[] {
  const listening = objectsIn(sockets) as { path?: unknown; protocol?: unknown }[];
  return [
    [{ text: `${count(connections)} open, ${count(connectionsTotal)} since start` }],
    ...listening.map(({ path, protocol }) => [{ text: `${textOf(protocol)}  ${textOf(path)}` }]),
  ];
}

function refusalLines({ errors }: ReportedStatus): readonly Line[] {
  const all = entriesOf(errors);
  if (all.length === 0) return none;
  return all.map(([code, times]) => [
    { text: cell(textOf(code), refusalCode) + cell(count(times), refusalCount, 'right') },
  ]);
}

/** The last changes of state, newest first: that is the one people look for. */
function changeLines({ transitions }: ReportedStatus): readonly Line[] {
  const all = objectsIn(transitions).reverse() as {
    time?: unknown;
    state?: unknown;
    reason?: unknown;
  }[];
  if (all.length === 0) return none;
  return all.map(({ time, state, reason }) => {
    const shortTime = textOf(time)
      .replace('T', ' ')
      .replace(/\.\d+Z$/, 'Z');
    return [
      { text: `${cell(shortTime, 20)}  ` },
      { text: `${cell(textOf(state), 12)} `, style: styleOf(state) },
      { text: reason ? causeOf(textOf(reason)) : '' },
    ];
  });
}

function limitLines({ limits }: ReportedStatus): readonly Line[] {
  const all = entriesOf(limits);
  if (all.length === 0) return none;
  return all.map(([name, value]) => {
    const words = textOf(name.replace(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`));
    // bytesPerSecondPerUser: 0 means no limit.
    const text = value === 0 ? 'none' : /bytes/i.test(name) ? bytes(value) : count(value);
    return [{ text: cell(words, limitName) + cell(text, limitValue, 'right') }];
  });
}
