import t from 'tap';
import { malformedAnswer } from '../../src/gateway/malformed.js';

t.test('answers in members that all APIs’ clients read, with a new request id', async (t) => {
  for (const [status, text] of [
    [400, 'Bad Request'],
    [408, 'Request Timeout'],
    [431, 'Request Header Fields Too Large'],
    [499, ''],
  ] as const) {
    const { headers, body, ...rest } = malformedAnswer(status);
    const requestId = headers['x-request-id'];
    t.match(requestId, /^[0-9a-f-]{36}$/);
    t.strictSame(headers, {
      'Content-Type': 'application/json',
      'x-amzn-RequestId': requestId,
      'x-request-id': requestId,
    });
    t.strictSame(JSON.parse(body), {
      __type: 'SerializationException',
      message: text,
      error_code: 'APIGW.0201',
      error_msg: text,
      request_id: requestId,
      errors: [text],
    });
    t.strictSame(rest, { status });
    t.not(malformedAnswer(status).headers['x-request-id'], requestId);
  }
});
