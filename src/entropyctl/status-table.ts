/** The daemon's status as a table of 80 columns for people; the whole figures are in JSON. */

import { type Bound, quantile } from '../common/histogram.js';
import type { SourceReport } from '../common/package.js';
import { printable, type Style } from '../common/terminal.js';
import type { DaemonStatus } from '../rpc/protocol.js';
import type { Rates } from './rates.js';
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

/** Where the second column begins. */
const indent = 14;
const room = defaultColumns - indent;

/** Lines of a reason. */
const maxReasonLines = 3;

/** What answers may be another version, or no daemon of ours: nothing is taken for granted. */
type Anything = Partial<DaemonStatus>;

/** By state of the generator and of its sources. */
const styles: Record<string, Style> = {
  operational: 'green',
  passing: 'green',
  degraded: 'yellow',
  fallback: 'yellow',
  testing: 'yellow',
  seeding: 'yellow',
  lost: 'yellow',
  error: 'red',
  failed: 'red',
  absent: 'dim',
};

/** Columns of the table of sources behind their names: title, width, alignment. */
const sourceColumns = [
  ['state', 9, 'left'],
  ['credit', 7, 'right'],
  ['samples', 11, 'right'],
  ['rate', 13, 'right'],
  ['retries', 10, 'right'],
  ['alarms', 10, 'right'],
] as const;

/**
 * The picture of a status.
 * @param rates since the last one, where it is watched
 */
export function picture(status: Anything, rates?: Rates): Line[] {
  return [
    headline(status),
    ...stateLines(status),
    ...(rates === undefined ? [] : section('Now', nowLines(rates))),
    [],
    ...sourceLines(status),
    [],
    ...section('Requests', requestLines(status)),
    ...section('Refused', refusalLines(status)),
    ...section('Changes', changeLines(status)),
    ...section('Limits', limitLines(status)),
  ];
}

/** Of what the daemon says: one printable line. */
function shown(value: unknown): string {
  return value === undefined || value === null ? '?' : printable(value);
}

function styleOf(state: unknown): Style | undefined {
  return typeof state === 'string' && Object.hasOwn(styles, state) ? styles[state] : undefined;
}

/** Lines under a title that stands before the first of them. */
function section(title: string, lines: readonly Line[]): Line[] {
  return lines.map((line, index) => [
    { text: cell(index === 0 ? title : '', indent), style: 'bold' },
    ...line,
  ]);
}

function paragraph(value: unknown, style?: Style): Line[] {
  return wrap(shown(value), room, maxReasonLines).map((text) => [{ text, style }]);
}

function entries(value: unknown): [string, unknown][] {
  return typeof value === 'object' && value !== null ? Object.entries(value) : [];
}

/** The maps of an array. */
function list(value: unknown): object[] {
  const all: unknown[] = Array.isArray(value) ? value : [];
  return all.filter((each) => typeof each === 'object' && each !== null) as object[];
}

function headline({ version, pid, uptimeSeconds, node, openssl }: Anything): Line {
  return [
    { text: `entropyd ${shown(version)}`, style: 'bold' },
    {
      text: `   pid ${shown(pid)}   up ${duration(uptimeSeconds)}   Node ${shown(node)}   OpenSSL ${shown(openssl)}`,
    },
  ];
}

function stateLines(status: Anything): Line[] {
  const { state, reason, reseeds, secondsSinceReseed, requestsSinceReseed, memoryLocked } = status;
  const style = styleOf(state);
  return [
    ...section('State', [
      [{ text: shown(state), style }],
      ...(reason ? paragraph(reason, style === 'green' ? undefined : style) : []),
    ]),
    ...section('Seeds', [
      [
        {
          text: `${count(reseeds)}, the last ${duration(secondsSinceReseed)} and ${count(requestsSinceReseed)} generates ago`,
        },
      ],
    ]),
    ...section('Memory', [
      [memoryLocked ? { text: 'locked' } : { text: 'not locked', style: 'yellow' }],
    ]),
  ];
}

function nowLines(rates: Rates): Line[] {
  const { requestsPerSecond, bytesPerSecond, readsPerSecond, p50, p99 } = rates;
  const perSec = (text: string) => `${text}/s`;
  return [
    [
      {
        text: [
          `requests ${perSecond(requestsPerSecond)}`,
          `bytes ${perSec(bytes(bytesPerSecond))}`,
          `reads ${perSecond(readsPerSecond)}`,
        ].join('   '),
        style: 'cyan',
      },
    ],
    [{ text: `served in ${latency(p50, p99)}`, style: 'cyan' }],
  ];
}

function latency(p50: Bound | undefined, p99: Bound | undefined): string {
  return `p50 ${boundText(p50)}   p99 ${boundText(p99)}`;
}

/** A quantile for people, as `≤ 50 µs`. */
export function boundText(bound: Bound | undefined): string {
  return bound === undefined ? '-' : `${bound.above ? '>' : '≤'} ${duration(bound.seconds)}`;
}

function sourceLines({ sources }: Anything): Line[] {
  const all = list(sources) as Partial<SourceReport>[];
  const heading: Line = [
    { text: cell('Sources', indent), style: 'bold' },
    {
      text: sourceColumns.map(([title, width, align]) => cell(title, width, align)).join(''),
      style: 'dim',
    },
  ];
  if (all.length === 0) return section('Sources', [[{ text: 'none' }]]);
  return [heading, ...all.flatMap(oneSource)];
}

function oneSource(source: Partial<SourceReport>): Line[] {
  const { name, state, creditedBitsPerByte: credited, testedBitsPerByte: tested } = source;
  const values =
    state === 'absent'
      ? [state]
      : [
          shown(state),
          `${shown(credited)}/${shown(tested)}`,
          bytes(source.bytes),
          `${bytes(source.bytesPerSecond)}/s`,
          count(source.retries),
          count(source.alarms),
        ];
  // Of a name that fills its column, the last sign gives way.
  const line: Line = [
    { text: `${cell(shown(name), indent - 1)} ` },
    ...values.map((text, index) => {
      const [, width, align] = sourceColumns[index] as (typeof sourceColumns)[number];
      return { text: cell(text, width, align), style: index === 0 ? styleOf(state) : undefined };
    }),
  ];
  const notes = [source.path, source.rngCurrent, source.lastAlarm, source.lastError]
    .filter((note) => note !== undefined && note !== '')
    .map(shown)
    .join('; ');
  return [line, ...(notes === '' ? [] : section('', paragraph(notes)))];
}

function requestLines(status: Anything): Line[] {
  const { requests, randomBytes, serving } = status;
  const mean =
    typeof serving?.count === 'number' && serving.count > 0
      ? duration(serving.seconds / serving.count)
      : '-';
  return [
    [{ text: `${count(requests)}   random bytes ${bytes(randomBytes)}` }],
    [
      {
        text: `${count(serving?.count)} reads, served in ${latency(quantile(serving, 0.5), quantile(serving, 0.99))}   mean ${mean}`,
      },
    ],
  ];
}

function refusalLines({ errors }: Anything): Line[] {
  const all = entries(errors);
  if (all.length === 0) return [[{ text: 'none' }]];
  return all.map(([code, times]) => [
    { text: `${cell(shown(code), 22)}${cell(count(times), 8, 'right')}` },
  ]);
}

function limitLines({ limits, connections, connectionsTotal }: Anything): Line[] {
  const open = `${count(connections)} open, ${count(connectionsTotal)} in all`;
  const all = entries(limits).map(([name, value]): Line => {
    const isBytes = /bytes/i.test(name);
    // 0: none, as of bytesPerSecondPerUser.
    const text = value === 0 ? 'none' : isBytes ? bytes(value) : count(value);
    const words = shown(name.replace(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`));
    const used = name === 'connections' ? `   ${open}` : '';
    return [{ text: `${cell(words, 27)}${cell(text, 9, 'right')}${used}` }];
  });
  return all.length === 0 ? [[{ text: open }]] : all;
}

/** The newest first: it is the one that is looked for. */
function changeLines({ transitions }: Anything): Line[] {
  const all = list(transitions).reverse() as {
    time?: unknown;
    state?: unknown;
    reason?: unknown;
  }[];
  if (all.length === 0) return [[{ text: 'none' }]];
  return all.map(({ time, state, reason }) => [
    {
      text: `${cell(
        shown(time)
          .replace('T', ' ')
          .replace(/\.\d+Z$/, 'Z'),
        20,
      )}  `,
    },
    { text: `${cell(shown(state), 12)} `, style: styleOf(state) },
    { text: reason ? shown(reason) : '' },
  ]);
}
