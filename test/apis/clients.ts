/** A client of every API in the list, in its order: one line for each, as in src/apis/list.ts. */
import type { ApiClient } from '../support/api-client.js';
import { awsKmsClient } from './aws-kms/client.js';
import { awsSecretsManagerClient } from './aws-secrets-manager/client.js';
import { azureManagedHsmClient } from './azure-managed-hsm/client.js';
import { googleKmsClient } from './google-kms/client.js';
import { huaweiKmsClient } from './huawei-kms/client.js';
import { vaultClient } from './vault/client.js';

export const clients: readonly ApiClient[] = [
  awsKmsClient,
  awsSecretsManagerClient,
  huaweiKmsClient,
  googleKmsClient,
  vaultClient,
  azureManagedHsmClient,
];
