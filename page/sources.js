/** The noise sources, one card each: verdict of the health tests, credit, counters. */
import { element, fill, setText, showTerms, svg } from './dom.js';
import * as words from './words.js';

/**
 * By state: severity, which decides symbol and color, and the verdict in words.
 * @type {ReadonlyMap<string, readonly [string, string]>}
 */
const verdicts = new Map([
  ['passing', ['good', 'Passes its health tests']],
  ['testing', ['warning', 'Startup test is running']],
  ['lost', ['bad', 'Lost: does not answer']],
  ['failed', ['bad', 'Failed its health tests: out of service until the daemon restarts']],
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
  setText(sentence, verdict);
  showTerms(facts, [
    ['Alarms', words.count(source.alarms)],
    ['Last alarm', source.lastAlarm],
    ['Last error', source.lastError],
    ['Credited', `${source.creditedBitsPerByte} of ${source.testedBitsPerByte} bits per byte`],
    ['Read', words.bytes(source.bytes)],
    ['Rate', words.byteRate(source.bytesPerSecond)],
    ['Retries', words.count(source.retries)],
    ['Device', source.path],
    ['Driver', source.rngCurrent],
  ]);
}
