/** The noise sources, one card each: verdict of the health tests, credit, counters. */
import { element, fill, setText, showTerms, svg } from './dom.js';
import * as words from './words.js';

/**
 * By state: severity, which decides symbol and color, and the verdict in words. `TIME` stands for how
 * long the state has lasted.
 * @type {ReadonlyMap<string, readonly [string, string]>}
 */
const verdicts = new Map([
  ['passing', ['good', 'Passes its health tests']],
  ['testing', ['warning', 'Startup test is running']],
  ['waiting', ['waiting', 'Waiting for the hardware: no data for TIME']],
  ['lost', ['bad', 'Lost for TIME: answers with an error']],
  ['failed', ['bad', 'Failed a health test TIME ago; entropyctl selftest tests it again']],
]);

/** Sources whose names do not say what they are. @type {ReadonlyMap<string, string>} */
const kinds = new Map([
  ['rdrand', 'CPU generator'],
  ['jitter', 'CPU timing'],
  ['getrandom', 'kernel generator'],
]);

/**
 * Shows the sources that this host has, and names those that it lacks.
 * @param {Element} where
 * @param {Element} absent where the missing sources are named
 * @param {readonly import('./status.js').Source[]} sources
 */
export function showSources(where, absent, sources) {
  const there = sources.filter(({ state }) => state !== 'absent');
  const names = there.map(({ name }) => name);
  fill(where, names, () => names.map(emptyCard));
  for (const [i, card] of [...where.children].entries()) {
    const source = there[i];
    if (source !== undefined) show(card, source);
  }
  const missing = sources.filter(({ state }) => state === 'absent').map(({ name }) => name);
  const none = sources.length === 0 ? 'The daemon has no noise sources.' : '';
  setText(absent, missing.length === 0 ? none : `Not on this host: ${missing.join(', ')}.`);
}

/**
 * What a source's bytes count for, and what its tests take for granted.
 * @param {import('./status.js').Source} source
 */
function entropy({ creditedBitsPerByte: credited, testedBitsPerByte: tested }) {
  const assumed = `its tests expect ${words.bits(tested)}`;
  return credited === 0
    ? `mixed into seeds, counted as 0 bits per byte; ${assumed}`
    : `counted as ${words.bits(credited)} bits per byte; ${assumed}`;
}

/** @param {string} name */
function emptyCard(name) {
  const symbol = svg('svg', { 'aria-hidden': 'true' }, svg('use'));
  return element(
    'article',
    { class: 'card source' },
    element('h3', {}, symbol, name),
    element('p', { class: 'verdict' }),
    element('dl'),
  );
}

/**
 * @param {Element} card as {@link emptyCard} makes it
 * @param {import('./status.js').Source} source
 */
function show(card, source) {
  const [level, verdict] = verdicts.get(source.state) ?? ['warning', source.state];
  const [use, sentence, facts] = ['use', '.verdict', 'dl'].map((part) => card.querySelector(part));
  if (!use || !sentence || !facts) return;
  card.setAttribute('data-level', level);
  use.setAttribute('href', `#${level}`);
  setText(sentence, verdict.replace('TIME', words.duration(source.secondsInState)));
  showTerms(facts, [
    ['Alarms', words.count(source.alarms)],
    ['Last alarm', source.lastAlarm],
    ['Last error', source.lastError],
    ['Entropy', entropy(source)],
    [
      'Noise',
      [kinds.get(source.name), source.physical ? 'physical' : 'not physical']
        .filter(Boolean)
        .join(', '),
    ],
    ['Kernel', source.hiddenByKernel ? 'does not use it: not in /proc/cpuinfo' : ''],
    ['Read', words.bytes(source.bytes)],
    ['Rate', words.byteRate(source.bytesPerSecond)],
    ['Retries while busy', words.count(source.retries)],
    ['Device', source.path],
    ['Driver', source.rngCurrent],
  ]);
}
