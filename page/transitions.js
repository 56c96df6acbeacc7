/** Recent state changes, newest first. */
import { element, fill, setText } from './dom.js';
import * as words from './words.js';

/**
 * Shows state changes with their age.
 * @param {Element} where a list
 * @param {readonly import('./status.js').Transition[]} transitions oldest first
 * @param {number} now by the host's clock, ms since 1970
 */
export function showTransitions(where, transitions, now) {
  fill(where, transitions, () => transitions.map(item).toReversed());
  for (const time of where.querySelectorAll('time')) {
    const at = Date.parse(time.dateTime);
    const age = `${words.duration((now - at) / 1000)} ago, ${words.dateAndClock(new Date(at))}`;
    setText(time, Number.isNaN(at) ? time.dateTime : age);
  }
}

/** @param {import('./status.js').Transition} transition */
function item({ time, state, reason }) {
  return element(
    'li',
    {},
    element('time', { datetime: time, title: time }),
    element('strong', {}, state),
    reason === '' ? '' : `: ${words.cause(reason)}`,
  );
}
