/** Runs the page: shows what /status answers, or that it does not answer. */
import { enableCopying } from './copying.js';
import { refreshDay } from './day.js';
import { byId, element, fill, setText, svg } from './dom.js';
import { showFacts } from './facts.js';
import { noteLoad, showLoad } from './load.js';
import { startPolling } from './polling.js';
import { showSources } from './sources.js';
import { readStatus } from './status.js';
import { showTransitions } from './transitions.js';
import * as words from './words.js';

/** States that index.html describes. */
const known = [
  'operational',
  'degraded',
  'fallback',
  'seeding',
  'error',
  'unreachable',
  'no-gateway',
];

/** How often ages and countdowns are updated, ms. */
const tickMs = 1_000;

/** Smaller differences of clocks are ignored, ms: the Date header has whole seconds, and the answer took a while. */
const clockErrorMs = 2_500;

const place = {
  state: byId('state'),
  reason: byId('reason'),
  since: byId('since'),
  warnings: byId('warnings'),
  freshness: byId('freshness'),
  live: byId('live'),
  stale: byId('stale'),
  sources: byId('sources'),
  absent: byId('absent-sources'),
  transitions: byId('transitions'),
  facts: byId('facts'),
};

/** The last status of the daemon. @type {import('./status.js').Status | undefined} */
let last;
/** The state shown, and since when, ms by the host's clock; undefined: unknown. */
let shown = { state: '', since: /** @type {number | undefined} */ (undefined) };
/** When the last status came, ms by the host's clock; undefined: none yet. @type {number | undefined} */
let answeredAt;
/** The host's clock minus the browser's, ms. */
let ahead = 0;

const hostNow = () => Date.now() + ahead;

/** @param {string} state @param {string} reason @param {number | undefined} since */
function showState(state, reason, since) {
  shown = { state, since };
  place.state.dataset.state = known.includes(state) ? state : 'unknown';
  for (const name of place.state.querySelectorAll('[data-name]')) setText(name, state);
  setText(place.reason, words.cause(reason));
  const title = state === 'no-gateway' ? 'no answer' : state;
  document.title = `${title} – ${byId('hostname').textContent} – entropyd`;
}

/** An outage begins when it is first seen. @param {string} state @param {string} reason */
function showOutage(state, reason) {
  showState(state, reason, shown.state === state ? shown.since : hostNow());
}

/** @param {import('./status.js').Status} status */
function showStatus(status) {
  const { state, reason, construction, transitions } = status;
  const changed = Date.parse(transitions.at(-1)?.time ?? '');
  showState(state, reason, Number.isNaN(changed) ? undefined : changed);
  place.state.dataset.construction = construction;
  place.live.hidden = false;
  noteLoad({ at: performance.now(), status });
  showSources(place.sources, place.absent, status.sources);
  showFacts(place.facts, status);
  void refreshDay(`${status.pid} ${transitions.at(-1)?.time}`);
}

/** @param {readonly string[]} warnings about the gateway; front-page.ts makes the same */
function showWarnings(warnings) {
  fill(place.warnings, warnings, () =>
    warnings.map((text) => {
      const symbol = svg('svg', { 'aria-hidden': 'true' }, svg('use', { href: '#warning' }));
      return element('li', {}, symbol, text);
    }),
  );
}

/** Updates ages and countdowns. */
function tick() {
  const { state, since } = shown;
  const isOut = state === 'unreachable' || state === 'no-gateway';
  if (since === undefined) setText(place.since, '');
  else {
    const lasting = words.duration((hostNow() - since) / 1000);
    const from = words.dateAndClock(new Date(since));
    setText(place.since, `${isOut ? 'No answer for' : 'For'} ${lasting}, since ${from}`);
  }
  const answered = answeredAt === undefined ? undefined : words.clock(new Date(answeredAt));
  const wait = Math.max(1, Math.round((polling.nextAt - performance.now()) / 1000));
  const next = Number.isFinite(wait) ? `retrying in ${wait} s` : 'retrying now';
  const lastUpdate = answered === undefined ? 'No update yet' : `Last update at ${answered}`;
  setText(
    place.freshness,
    isOut ? `${lastUpdate}; ${next}` : `${lastUpdate}; updates every second`,
  );
  const isStale = isOut && answered !== undefined;
  setText(place.stale, isStale ? `The figures below are from ${answered}, the last update.` : '');
  if (last !== undefined) {
    showLoad();
    showTransitions(place.transitions, last.transitions, hostNow());
  }
}

const polling = startPolling({
  onAnswer({ status: httpStatus, body, hostTime }) {
    const status = readStatus(body);
    const difference = hostTime - Date.now();
    if (Math.abs(difference - ahead) > clockErrorMs) ahead = difference;
    showWarnings(status.gateway.warnings);
    const isServed = httpStatus === 200;
    if (isServed) {
      answeredAt = hostTime;
      last = status;
      showStatus(status);
    } else showOutage('unreachable', status.reason);
    tick();
    return isServed;
  },
  onFailure(reason) {
    showOutage('no-gateway', reason);
    tick();
  },
});

for (const origin of document.querySelectorAll('[data-origin]')) setText(origin, location.origin);
enableCopying();
setInterval(tick, tickMs);
