/** Asks /status once a second while the page is seen, more and more seldom while there is no answer. */

/** Between an answer and the next question, ms. */
const intervalMs = 1_000;

/** Longest pause; after each failure in a row it is twice the one before, ms. */
const maxPauseMs = 15_000;

/** Longest wait for an answer, ms; the gateway itself waits 5 s for the daemon. */
const answerMs = 8_000;

/**
 * An answer. `status` is that of HTTP; `hostTime`, ms since 1970, by the host's clock.
 * @typedef {{ status: number, body: unknown, hostTime: number }} Answer
 *
 * @typedef {{ onAnswer: (answer: Answer) => boolean, onFailure: (reason: string) => void }} Listener
 *   `onAnswer` says whether all is well
 */

/**
 * @returns {Promise<Answer>}
 * @throws Error whose message says why there is no answer
 */
async function ask() {
  try {
    const response = await fetch('/status', {
      cache: 'no-store',
      credentials: 'omit',
      redirect: 'error',
      signal: AbortSignal.timeout(answerMs),
    });
    const { status, headers } = response;
    if (status !== 200 && status !== 503) throw new Error(`HTTP status ${status} for /status`);
    const hostTime = Date.parse(headers.get('date') ?? '') || Date.now();
    return { status, body: await response.json(), hostTime };
  } catch (error) {
    throw new Error(reasonOf(error), { cause: error });
  }
}

/** @param {unknown} error of fetch or of what it gives */
function reasonOf(error) {
  const { name, message } = /** @type {Error} */ (error);
  if (name === 'TimeoutError') return `no answer within ${answerMs / 1000} s`;
  if (name === 'TypeError') return 'no connection';
  if (name === 'SyntaxError') return 'the answer is no JSON';
  return message;
}

/**
 * Starts, and goes on for as long as there is the page.
 * @param {Listener} listener
 * @returns {{ readonly nextAt: number }} when it asks next, by performance.now(); Infinity: it waits for
 *   an answer, or is paused
 */
export function startPolling({ onAnswer, onFailure }) {
  const polling = { nextAt: Infinity };
  let pauseMs = intervalMs;
  let asking = false;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer;

  async function poll() {
    clearTimeout(timer);
    if (asking || document.hidden) return;
    asking = true;
    polling.nextAt = Infinity;
    let isWell = false;
    try {
      isWell = onAnswer(await ask());
    } catch (error) {
      onFailure(/** @type {Error} */ (error).message);
    }
    asking = false;
    pauseMs = isWell ? intervalMs : Math.min(2 * pauseMs, maxPauseMs);
    if (document.hidden) return;
    polling.nextAt = performance.now() + pauseMs;
    timer = setTimeout(poll, pauseMs);
  }

  document.addEventListener('visibilitychange', () => {
    clearTimeout(timer);
    polling.nextAt = Infinity;
    pauseMs = intervalMs;
    void poll();
  });
  void poll();
  return polling;
}
