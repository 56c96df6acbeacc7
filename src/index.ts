/** The package export `entropyd`: the client library, its types and its errors. */
export type { ResponseMetadata } from './apis/aws-json/errors.js';
export { KMSServiceException } from './apis/aws-kms/errors.js';
export { SecretsManagerServiceException } from './apis/aws-secrets-manager/errors.js';
export type { Dialect, GenRandomError } from './apis/huawei-kms/format.js';
export {
  type CallOptions,
  Client,
  type ClientOptions,
  connect,
  type GenerateRandomOutput,
  type GetRandomPasswordInput,
  type GetRandomPasswordOutput,
  type RandomOptions,
  type StreamOptions,
} from './client/client.js';
export { EntropyError, type ErrorCode, ServiceError } from './common/errors.js';
export type { SourceReport } from './common/package.js';
export type { GeneratorState, Health } from './generator/interface.js';
export type {
  DaemonStatus,
  HistoryRecord,
  HistoryResult,
  HistorySource,
  ServingTimes,
  Transition,
} from './rpc/protocol.js';
