import t from 'tap';
import { createAccess } from '../../src/gateway/credentials/access.js';
import { createRouter } from '../../src/gateway/router.js';
import { fakeSource } from './support.js';

t.test('picks the API by X-Amz-Target or path, and pages by method and path', async (t) => {
  const router = createRouter({ client: fakeSource(), access: createAccess(), dialect: 'otc' });
  const aws = router('POST', '/', {});
  const genRandom = router('POST', '/v1.0/p/kms/gen-random', {});
  const vault = router('POST', '/v1/sys/tools/random', {});
  const pages = router('GET', '/', {});
  t.equal(new Set([aws, genRandom, vault, pages]).size, 4, 'four routes');
  const target = { 'x-amz-target': '' };
  for (const [method, path, headers, route] of [
    ['PUT', '/', {}, aws],
    ['OPTIONS', '/', {}, aws],
    ['GET', '/', target, aws],
    ['POST', '/v1.0/p/kms/gen-random', target, aws],
    ['GET', '/metrics', target, aws],
    ['GET', '/v1.0/p/kms/gen-random', {}, genRandom],
    ['POST', '/metrics', {}, genRandom],
    ['GET', '/nothing', {}, genRandom],
    ['OPTIONS', '*', {}, genRandom],
    ['GET', '/v1/sys/health', {}, vault],
    ['POST', '/v1/transit/random', target, aws],
    ['GET', '/v1', {}, genRandom],
    ['HEAD', '/', {}, pages],
    ['GET', '/metrics', {}, pages],
    ['GET', '/healthz', {}, pages],
  ] as const)
    t.equal(router(method, path, headers), route, `${method} ${path} ${JSON.stringify(headers)}`);
});
