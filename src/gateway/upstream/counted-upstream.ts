/** An upstream that counts what becomes of its requests. */
import { errorCode } from '../../common/errors.js';
import type { UpstreamOutcome } from '../counters.js';
import type { Upstream } from './upstream.js';

/**
 * The same upstream, counted.
 * @param counts one is added for each request, when the head of its answer is there or will not come
 */
export function countUpstream(
  upstream: Upstream,
  counts: Record<UpstreamOutcome, number>,
): Upstream {
  return {
    ...upstream,
    async forward(request) {
      try {
        const answer = await upstream.forward(request);
        counts[answered(answer.status)]++;
        return answer;
      } catch (error) {
        counts[failed(error)]++;
        throw error;
      }
    },
  };
}

function answered(status: number): UpstreamOutcome {
  if (status < 400) return 'ok';
  return status < 500 ? 'client_error' : 'server_error';
}

function failed(error: unknown): UpstreamOutcome {
  const code = errorCode(error);
  if (code === 'ERR_BUSY') return 'busy';
  return code === 'ERR_CLOSED' ? 'abandoned' : 'no_answer';
}
