/** Asks the gateway: for /status once per second while the page is visible, less often while there is no answer. */

/** Between an answer and the next request, ms. */
const intervalMs = 1_000;

/** Longest pause, ms; each consecutive failure doubles the pause. */
const maxPauseMs = 15_000;

/** Longest wait for an answer, ms; the gateway itself waits 5 s for the daemon. */
const answerMs = 8_000;

/**
 * An answer. `status` is the HTTP status; `hostTime` is the host's clock, ms since 1970.
 * @typedef {{ status: number, body: unknown, hostTime: number }} Answer
 *
 * @typedef {{ onAnswer: (answer: Answer) => boolean, onFailure: (reason: string) => void }} Listener
 *   `onAnswer` returns whether the daemon answered
 */

/**
 * @param {string} path of this gateway
 * @returns {Promise<Answer>} of status 200 or 503
 * @throws Error whose message says why there is no answer
 */
export async function ask(path) {
  try {
    const response = await fetch(path, {
      cache: 'no-store',
      credentials: 'omit',
      redirect: 'error',
      signal: AbortSignal.timeout(answerMs),
    });
    const { status, headers } = response;
    if (status !== 200 && status !== 503) throw new Error(`HTTP status ${status} for ${path}`);
    const hostTime = Date.parse(headers.get('date') ?? '') || Date.now();
    return { status, body: await response.json(), hostTime };
  } catch (error) {
    throw new Error(reasonOf(error), { cause: error });
  }
}

/** @param {unknown} error of fetch, or of reading its response */
function reasonOf(error) {
  const { name, message } = /** @type {Error} */ (error);
  if (name === 'TimeoutError') return `no answer within ${answerMs / 1000} s`;
  if (name === 'TypeError') return 'no connection';
  if (name === 'SyntaxError') return 'the answer is not JSON';
  return message;
}

/**
 * Starts polling, for as long as the page exists.
 * @param {Listener} listener
 * @returns {{ readonly nextAt: number }} time of the next request, by performance.now(); Infinity while one
 *   is in flight or the page is hidden
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
    let isUp = false;
    try {
      isUp = onAnswer(await ask('/status'));
    } catch (error) {
      onFailure(/** @type {Error} */ (error).message);
    }
    asking = false;
    pauseMs = isUp ? intervalMs : Math.min(2 * pauseMs, maxPauseMs);
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
