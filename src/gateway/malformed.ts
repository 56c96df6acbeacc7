/**
 * The answer to bytes that are no HTTP request. Which API was meant is unknown, so the body has the
 * members of all: boto needs `__type`, Huawei's SDKs read the flat ones, Vault's clients `errors`.
 * HTML would break the SDKs.
 */
import { randomUUID } from 'node:crypto';
import { STATUS_CODES } from 'node:http';
import type { Answer } from '../apis/api.js';

/** [G] the number that Huawei's API gateway gives to all that it cannot take as a request. */
const unreadableCode = 'APIGW.0201';

/**
 * The answer.
 * @param status HTTP status; its reason phrase is the text
 * @returns a new answer with a request id of its own
 */
export function malformedAnswer(status: number): Answer<string> {
  const requestId = randomUUID();
  const text = STATUS_CODES[status] ?? '';
  return {
    status,
    headers: {
      'Content-Type': 'application/json',
      'x-amzn-RequestId': requestId,
      'x-request-id': requestId,
    },
    body: JSON.stringify({
      __type: 'SerializationException',
      message: text,
      error_code: unreadableCode,
      error_msg: text,
      request_id: requestId,
      errors: [text],
    }),
  };
}
