/** What the daemon's results have to be; their members are its responsibility. */
import { EntropyError } from '../common/errors.js';

/** @throws EntropyError `ERR_MESSAGE` unless it is a map */
export function mapOf<Result>(method: string, result: unknown): Result {
  if (typeof result === 'object' && result !== null && !Array.isArray(result))
    return result as Result;
  throw new EntropyError('ERR_MESSAGE', `the daemon sent no map for ${method}`);
}

/** @throws EntropyError `ERR_MESSAGE` unless it is a text */
export function textOf(method: string, result: unknown): string {
  if (typeof result === 'string') return result;
  throw new EntropyError('ERR_MESSAGE', `the daemon sent no text for ${method}`);
}

/** @throws EntropyError `ERR_MESSAGE` unless it is a map, written as JSON */
export function jsonOf<Result>(method: string, result: unknown): Result {
  try {
    return mapOf(method, JSON.parse(String(result)));
  } catch {
    throw new EntropyError('ERR_MESSAGE', `the daemon sent no JSON map for ${method}`);
  }
}

/** @throws EntropyError `ERR_MESSAGE` unless it has so many bytes */
export function bytesOf(method: string, result: unknown, size: number): Uint8Array {
  if (result instanceof Uint8Array && result.length === size) return result;
  throw new EntropyError('ERR_MESSAGE', `the daemon sent something else for ${method}`);
}
