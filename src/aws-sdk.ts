/** The package export `entropyd/aws-sdk`: a request handler for the AWS SDK for JavaScript v3. */
export * from './client/aws-sdk-handler.js';
