/** The page at work: what /status answers, and that it does not, on the screen. */
import { enableCopying } from './copying.js';
import { byId, setText } from './dom.js';
import { showFacts } from './facts.js';
import { noteLoad, showLoad } from './load.js';
import { startPolling } from './polling.js';
import { showSources } from './sources.js';
import { readStatus } from './status.js';
import { showTransitions } from './transitions.js';
import * as words from './words.js';

/** States for which the page has words. */
const known = [
  'operational',
  'degraded',
  'fallback',
  'seeding',
  'error',
  'unreachable',
  'no-gateway',
];

/** How often what depends on the time alone is written anew, ms. */
const tickMs = 1_000;

/** The header Date has whole seconds, and the answer took a while: less is no difference of clocks, ms. */
const clockErrorMs = 2_500;

const place = {
  state: byId('state'),
  reason: byId('reason'),
  since: byId('since'),
  freshness: byId('freshness'),
  live: byId('live'),
  stale: byId('stale'),
  sources: byId('sources'),
  absent: byId('absent-sources'),
  transitions: byId('transitions'),
  facts: byId('facts'),
};

/** The last answer with a status of the daemon. @type {import('./status.js').Status | undefined} */
let last;
/** What is on the screen as the state, and since when, ms by the host's clock; undefined: unknown. */
let shown = { state: '', since: /** @type {number | undefined} */ (undefined) };
/** When there was the last status, ms by the host's clock; undefined: not yet. @type {number | undefined} */
let answeredAt;
/** The host's clock less the browser's, ms. */
let ahead = 0;

const hostNow = () => Date.now() + ahead;

/** @param {string} state @param {string} reason @param {number | undefined} since */
function showState(state, reason, since) {
  shown = { state, since };
  place.state.dataset.state = known.includes(state) ? state : 'unknown';
  for (const name of place.state.querySelectorAll('[data-name]')) setText(name, state);
  setText(place.reason, reason);
  document.title = `${state === 'no-gateway' ? 'no answer' : state} – entropyd`;
}

/** A trouble begins when it is first seen. @param {string} state @param {string} reason */
function showTrouble(state, reason) {
  showState(state, reason, shown.state === state ? shown.since : hostNow());
}

/** @param {import('./status.js').Status} status */
function showStatus(status) {
  const { state, reason, transitions } = status;
  const changed = Date.parse(transitions.at(-1)?.time ?? '');
  showState(state, reason, Number.isNaN(changed) ? undefined : changed);
  place.live.hidden = false;
  noteLoad({ at: performance.now(), status });
  showSources(place.sources, place.absent, status.sources);
  showFacts(place.facts, status);
}

/** What changes with the time alone. */
function tick() {
  const { state, since } = shown;
  const isAway = state === 'unreachable' || state === 'no-gateway';
  if (since === undefined) setText(place.since, '');
  else {
    const lasting = words.duration((hostNow() - since) / 1000);
    const from = words.dateAndClock(new Date(since));
    setText(place.since, `${isAway ? 'No answer for' : 'For'} ${lasting}, since ${from}`);
  }
  const answered = answeredAt === undefined ? undefined : words.clock(new Date(answeredAt));
  const wait = Math.max(1, Math.round((polling.nextAt - performance.now()) / 1000));
  const next = Number.isFinite(wait) ? `asks again in ${wait} s` : 'asks again now';
  const lastAnswer = answered === undefined ? 'No answer yet' : `Last answer at ${answered}`;
  setText(place.freshness, isAway ? `${lastAnswer}; ${next}` : `${lastAnswer}; asks every second`);
  const isStale = isAway && answered !== undefined;
  setText(place.stale, isStale ? `What stands here is from ${answered}, the last answer.` : '');
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
    const isWell = httpStatus === 200;
    if (isWell) {
      answeredAt = hostTime;
      last = status;
      showStatus(status);
    } else showTrouble('unreachable', status.reason);
    tick();
    return isWell;
  },
  onFailure(reason) {
    showTrouble('no-gateway', reason);
    tick();
  },
});

for (const origin of document.querySelectorAll('[data-origin]')) setText(origin, location.origin);
for (const host of document.querySelectorAll('[data-host]')) setText(host, location.host);
enableCopying();
setInterval(tick, tickMs);
