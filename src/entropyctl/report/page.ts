/** A report as one printable HTML file without scripts. Long: each section is a function. */
import type { Estimate, SourceDescription } from '../../common/assessment.js';
import type { RestartAssessment } from '../restarts.js';
import { commands, escapeHtml, facts, list, paragraphs, shellWord, table } from './markup.js';
import { correlationBound, type FalseAlarms } from './measures.js';
import { historyPlots, plot } from './plots.js';
import type { DaemonFacts, Report } from './report.js';
import { clauses, policy, style, unproven } from './texts.js';

const figure = (value: number | null) => (value === null ? '–' : value.toFixed(6));

/** @returns a whole HTML document */
export function reportPage(report: Report): string {
  const { assessment, restarts, source, host } = report;
  const name = source?.name ?? report.input ?? 'samples';
  const sections: readonly (readonly [heading: string, content: string])[] = [
    ['Host', hostFacts(report)],
    ['Data', data(report)],
    ['Estimates', estimates(report)],
    [
      'Restart tests',
      restarts === null ? paragraphs('No restart data were assessed.') : restartTests(restarts),
    ],
    ['Plots', plots(report)],
    [
      'Health tests',
      source === null
        ? paragraphs('The samples came from a file: its source is unknown.')
        : healthTests(source, report),
    ],
    ['The last day', lastDay(report.daemon)],
    ['What the figures do not prove', list(unproven)],
    [
      'To repeat it',
      `${paragraphs("In this report's folder, with NIST's SP800-90B_EntropyAssessment. Its ea_restart finds the cutoff by simulation, which may differ by one.")}${commands(report.repeat)}`,
    ],
    ['Clauses', table([['Clause', 'Subject', 'Where in this report'], ...clauses], 'SP 800-90B')],
  ];
  const bits = assessment.bitsPerSymbol === 1 ? '1 bit' : `${assessment.bitsPerSymbol} bits`;
  const failed = restarts !== null && !restarts.passed;
  const result = failed
    ? `No min-entropy: ${restarts.failures.join('; ')}`
    : `Min-entropy: ${figure(report.minEntropy)} bits per sample of ${bits}`;
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escapeHtml(`${name} on ${host.hostname}: min-entropy`)}</title>
<style>${style}</style>
</head>
<body>
<main>
<h1>${escapeHtml(`Noise source ${name} on ${host.hostname}`)}</h1>
${paragraphs(`Assessment by SP 800-90B, ${report.created}`)}
<p class="result" data-passed="${!failed}">${escapeHtml(result)}</p>
${sections.map(([heading, content]) => `<section>\n<h2>${heading}</h2>\n${content}\n</section>`).join('\n')}
</main>
</body>
</html>
`;
}

function hostFacts({ host }: Report): string {
  return facts([
    ['CPU', `${host.cpu} (${host.cpus} logical)`],
    ['Microcode', host.microcode],
    ['Architecture', host.architecture],
    ['Virtualized', host.virtualized ? 'yes, as the CPU says' : 'the CPU does not say so'],
    ['Kernel', host.kernel],
    ['Clock source', host.clockSource],
    ['Driver of /dev/hwrng', host.hwrngDriver || 'none'],
    ['Load of 1, 5, 15 minutes', host.load.map((each) => each.toFixed(2)).join(', ')],
    ['entropyd', host.entropyd],
    ['Node, OpenSSL', `${host.node}, ${host.openssl}`],
  ]);
}

function data(report: Report): string {
  const { source, restarts, seconds, restartSeconds } = report;
  const took = (value: number | undefined, count: number) =>
    value === undefined || value === 0
      ? ''
      : ` in ${value.toFixed(3)} s, ${Math.round(count / value)} per second`;
  const pairs: [string, string][] = [
    [
      'Source',
      source === null
        ? `file ${report.input}`
        : `${source.name}${source.path && source.path !== source.name ? `, ${source.path}` : ''}`,
    ],
  ];
  if (source !== null)
    pairs.push([
      'Kind',
      `${source.physical ? 'physical' : 'non-physical'} noise source (90B 2.2.1), samples of ${source.words ? '64 bits, read' : '8 bits, read'} as bytes`,
    ]);
  pairs.push([
    'Samples',
    `${report.samples} consecutive ones of one instance${took(seconds, report.samples)}`,
  ]);
  if (restarts !== null)
    pairs.push([
      'Restart data',
      `${restarts.restarts} instances, ${restarts.samples} samples of each${took(restartSeconds, restarts.restarts * restarts.samples)}`,
    ]);
  pairs.push(['Command', report.command.map(shellWord).join(' ')]);
  const files = report.files.map(({ name, size, sha256 }) => [name, String(size), sha256]);
  return (
    facts(pairs) + table([['File', 'Bytes', 'SHA-256'], ...files], 'Raw samples, one per byte')
  );
}

function estimates({ assessment, claim, hInitial, samples }: Report): string {
  const { estimates: all, hOriginal, hBitstring, bitsPerSymbol, distinct } = assessment;
  const row = ({ name, literal, bitstring }: Estimate) => [
    name,
    figure(literal),
    figure(bitstring),
  ];
  const rows = [
    ['Estimator', 'Bits per sample', 'Bits per bit'],
    ...all.map(row),
    ['Least', figure(hOriginal), figure(hBitstring)],
  ];
  const least =
    hBitstring === null
      ? 'the least estimate per sample'
      : `the least of ${figure(hOriginal)} and ${bitsPerSymbol} × ${figure(hBitstring)}`;
  return (
    table(rows, 'Min-entropy, SP 800-90B 6.3') +
    paragraphs(
      `H = ${figure(assessment.minEntropy)} bits per sample, ${least}, of ${samples} samples with ${distinct} values. Most estimates are lower bounds with 99 % confidence under the model of their estimator.`,
      claim === null
        ? `No claim of the designer is known: H_I = ${figure(hInitial)} is the estimate.`
        : `The designer claims ${figure(claim)} bits per sample: H_I = ${figure(hInitial)} is the lesser.`,
    )
  );
}

function restartTests(result: RestartAssessment): string {
  const { rows, columns, cutoff, highest, restarts, samples } = result;
  const estimate = ({ name, literal }: Estimate, i: number) => [
    name,
    figure(literal),
    figure(columns.estimates[i]?.literal ?? null),
  ];
  return (
    table(
      [
        ['Sanity check', 'Samples', 'Highest count', 'Passes up to'],
        ['Rows', String(samples), String(highest.row), String(cutoff.row)],
        ['Columns', String(restarts), String(highest.column), String(cutoff.column)],
      ],
      `How often a value occurs at most, at alpha = ${result.alpha.toExponential(3)} for each`,
    ) +
    table(
      [
        ['Estimator', 'Rows', 'Columns'],
        ...rows.estimates.map(estimate),
        ['Least', figure(result.hRows), figure(result.hColumns)],
      ],
      'Validation test: bits per sample',
    ) +
    paragraphs(
      `H_I = ${figure(result.hInitial)}. ${result.passed ? 'Both tests passed' : `Failed: ${result.failures.join('; ')}`}. Validated: min(H_I, rows, columns) = ${figure(result.minEntropy)} bits per sample.`,
    )
  );
}

function plots(report: Report): string {
  const { histogram, autocorrelation, bitPlanes, assessment, samples } = report;
  const count = 2 ** assessment.bitsPerSymbol;
  const values = histogram.slice(0, count);
  const bound = correlationBound(samples);
  const extent = Math.max(2 * bound, ...autocorrelation.map(Math.abs));
  const width = assessment.bitsPerSymbol;
  const names = assessment.estimates.map(({ name }) =>
    name.replace(' Prediction', '').replace('Most Common Value', 'MCV'),
  );
  const planes = (title: string, shares: readonly number[]) =>
    plot({
      title,
      values: shares,
      scale: { low: 0, high: 1 },
      ends: ['', ''],
      marks: [0.5],
      kind: 'bars',
      names: bitPlanes.map(({ bit }) => `bit ${bit}`),
    });
  return [
    plot({
      title: `How often each value occurs; dashed: evenly`,
      values,
      scale: { low: 0, high: Math.max(...values, 1) },
      ends: ['0', String(count - 1)],
      marks: [samples / count],
      kind: 'bars',
    }),
    plot({
      title: 'Autocorrelation by lag; dashed: three deviations of independent samples',
      values: autocorrelation,
      scale: { low: -extent, high: extent },
      ends: ['lag 1', `lag ${autocorrelation.length}`],
      marks: [bound, -bound],
      kind: 'bars',
    }),
    planes(
      'Share of ones in each bit; bit 0 is the least significant',
      bitPlanes.map(({ ones }) => ones),
    ),
    planes(
      'Share of samples in which a bit changes',
      bitPlanes.map(({ changes }) => changes),
    ),
    plot({
      title: `Estimates, bits per sample of ${width}: the lesser of both columns; dashed: the result`,
      values: assessment.estimates.map(({ literal, bitstring }) =>
        Math.min(literal ?? width, (bitstring ?? 1) * width),
      ),
      scale: { low: 0, high: width },
      ends: ['', ''],
      marks: [assessment.minEntropy],
      kind: 'bars',
      names,
    }),
  ].join('\n');
}

function healthTests(source: SourceDescription, { falseAlarms: alarms, daemon }: Report): string {
  const { testedBitsPerByte: h, alphaLog2, permanentAlphaLog2, proportionWindow: w } = source;
  const repetition = (alpha: number) => `1 + ⌈${-alpha} / ${h}⌉`;
  const proportion = (alpha: number) => `min(${w}, 1 + CRITBINOM(${w}, 2^-${h}, 1 - 2^${alpha}))`;
  const rows = [
    ['Test', 'Alarm', 'Derivation', 'Permanent alarm', 'Derivation'],
    [
      'Repetition count, 4.4.1',
      `${source.repetitionCutoff}`,
      repetition(alphaLog2),
      `${source.repetitionPermanentCutoff}`,
      repetition(permanentAlphaLog2),
    ],
    [
      `Adaptive proportion, 4.4.2, W = ${w}`,
      `${source.proportionCutoff}`,
      proportion(alphaLog2),
      `${source.proportionPermanentCutoff}`,
      proportion(permanentAlphaLog2),
    ],
  ];
  const words = source.words
    ? 'Four tests on 64-bit words apply too (4.5): equal words, constant words, repeated words, biased bits.'
    : 'The tests on 64-bit words do not apply: a sample is a byte.';
  return (
    table(
      rows,
      `H = ${h} bits per byte; alpha = 2^${alphaLog2}, permanent 2^${permanentAlphaLog2}`,
    ) +
    paragraphs(
      `The startup test takes ${source.startupBytes} bytes. ${words} Credited by default: ${source.creditedBitsPerByte} bits per byte.`,
      falseAlarmText(alarms),
      daemon === null
        ? 'No daemon on this host was asked about the source.'
        : `The daemon of this host (${daemon.version}) has had this source for ${daemon.uptimeSeconds} s: state ${daemon.state}, ${daemon.bytes} bytes read, ${daemon.alarms} alarms${daemon.lastAlarm === '' ? '' : `, the last of ${daemon.lastAlarm}`}.`,
    )
  );
}

/** What the daemon has recorded of the source and of itself. */
function lastDay(daemon: DaemonFacts | null): string {
  if (daemon === null)
    return paragraphs('No daemon of this host was asked, or it does not have this source.');
  const { history, transitions } = daemon;
  const total = (name: 'alarms' | 'reseeds') =>
    history.reduce((sum, interval) => sum + interval[name], 0);
  const changes = transitions.map(({ time, state, reason }) => [time, state, reason]);
  return (
    paragraphs(
      `Recorded intervals of five minutes or less: ${history.length}. Alarms of the source: ${total('alarms')}. Reseeds: ${total('reseeds')}. Changes of state: ${transitions.length}.`,
      history.length < 2 ? 'Plots of rate and waiting take two intervals.' : '',
    ) +
    historyPlots(history) +
    (changes.length === 0
      ? ''
      : table([['Time', 'State', 'Reason'], ...changes], 'Changes of state, oldest first'))
  );
}

function falseAlarmText(alarms: FalseAlarms | null): string {
  if (alarms === null) return '';
  const { perGibibyte, perYear, bytesPerSecond } = alarms;
  const load =
    perYear === undefined || bytesPerSecond === undefined
      ? ''
      : ` At the ${bytesPerSecond.toFixed(1)} bytes per second that the daemon reads here, that is ${perYear.toPrecision(3)} per year.`;
  return `A source without a fault whose min-entropy is H raises at most ${perGibibyte.toFixed(3)} false alarms per GiB (both tests together).${load}`;
}
