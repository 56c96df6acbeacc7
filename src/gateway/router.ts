/** Which route answers a request. */
import type { IncomingHttpHeaders } from 'node:http';
import type { Route } from '../apis/api.js';
import { type AwsOptions, awsRoute } from '../apis/aws-kms/api.js';
import { type GenRandomOptions, genRandomRoute } from '../apis/huawei-kms/api.js';
import { isVaultPath, type VaultOptions, vaultRoute } from '../apis/vault/api.js';
import { isPage, type PagesOptions, pagesRoute } from './pages/pages.js';

/** Picks a route by method, path (without the query) and headers; every request has one. */
export type Router = (method: string, path: string, headers: IncomingHttpHeaders) => Route;

/**
 * All routes behind one function. X-Amz-Target marks an AWS client whatever the path, and so does
 * any method on `/` that is no page's; what is left over is refused as the clouds' API gateway does.
 * @param options of all routes
 * @returns the router
 */
export function createRouter(
  options: AwsOptions & GenRandomOptions & VaultOptions & PagesOptions,
): Router {
  const aws = awsRoute(options.client, options);
  const genRandom = genRandomRoute(options);
  const vault = vaultRoute(options);
  const pages = pagesRoute(options);
  return (method, path, headers) => {
    if (headers['x-amz-target'] !== undefined) return aws;
    if (isPage(method, path)) return pages;
    if (isVaultPath(path)) return vault;
    return path === '/' ? aws : genRandom;
  };
}
