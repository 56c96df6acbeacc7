/** The daemon is killed while a call waits for it, and comes back: the call succeeds with every SDK. */
import { setImmediate } from 'node:timers/promises';
import { GenerateRandomCommand, KMSClient, type KMSClientConfig } from '@aws-sdk/client-kms';
import t, { type Test } from 'tap';
import { createRequestHandler } from '../../../src/client/aws-sdk-handler.js';
import { connect } from '../../../src/client/client.js';
import { startGateway } from '../../../src/gateway/gateway.js';
import { untilAnswers } from '../../support/daemon.js';
import { memoryLog } from '../../support/gateway.js';
import { freePath } from '../../support/paths.js';
import { built, Program } from '../../support/program.js';
import { until } from '../../support/until.js';
import { asClient, boto3, callWithBoto3 } from './boto3.js';
import { testWith } from './installed.js';
import { goodKey, writeKnownKeys } from './known-keys.js';

const credentials = writeKnownKeys();

/** The SDKs wait longer before each attempt: seconds in all, in which a daemon starts. */
const maxAttempts = 20;

/** A stopped daemon and a client of it; `killAndStart` kills the daemon when a call waits. */
async function start(t: Test) {
  const socketPath = freePath();
  const startDaemon = () => new Program(t, [built('entropyd'), '--socket', socketPath]);
  const daemon = startDaemon();
  await untilAnswers(socketPath);
  const client = connect({ socketPath });
  await client.random(1); // connected before the daemon stops
  t.teardown(() => client.close());
  const failures: string[] = [];
  let calls = 0;
  const source = {
    async random(size: number) {
      calls++;
      try {
        return await client.random(size);
      } catch (error) {
        failures.push((error as { code: string }).code);
        throw error;
      }
    },
    health: () => client.health(),
    status: () => client.status(),
    history: () => client.history(),
    metrics: () => client.metrics(),
  };
  /** Resolves when the daemon is starting again. */
  async function killAndStart(): Promise<void> {
    await until(() => calls > 0, 'a call');
    await setImmediate(); // it is written by now, and the stopped daemon does not answer
    await daemon.kill('SIGKILL');
    await until(() => failures.length > 0, 'its failure');
    startDaemon();
  }
  daemon.child.kill('SIGSTOP');
  return { source, failures, killAndStart };
}

/** The same behind a gateway that verifies signatures. */
async function startBehindGateway(t: Test) {
  const { source, ...rest } = await start(t);
  const gateway = await startGateway({
    listen: ['127.0.0.1:0'],
    client: source,
    dialect: 'otc',
    credentials,
    log: memoryLog(),
  });
  t.teardown(() => gateway.close());
  return { ...rest, endpoint: `http://${gateway.addresses[0]}` };
}

async function succeeds(t: Test, config: KMSClientConfig, killAndStart: () => Promise<void>) {
  const kms = new KMSClient({ region: 'us-east-1', credentials: goodKey, maxAttempts, ...config });
  t.teardown(() => kms.destroy());
  const [{ Plaintext, $metadata }] = await Promise.all([
    kms.send(new GenerateRandomCommand({ NumberOfBytes: 32 })),
    killAndStart(),
  ]);
  t.equal(Plaintext?.length, 32);
  t.ok(Number($metadata.attempts) > 1, `${$metadata.attempts} attempts`);
}

t.test('the SDK for JavaScript, through the gateway', async (t) => {
  const { endpoint, failures, killAndStart } = await startBehindGateway(t);
  await succeeds(t, { endpoint }, killAndStart);
  t.match(failures[0], /^ERR_(CONNECT|CLOSED|TIMEOUT)$/);
});

t.test('the SDK for JavaScript, through the handler', async (t) => {
  const { source, failures, killAndStart } = await start(t);
  await succeeds(t, { requestHandler: createRequestHandler({ client: source }) }, killAndStart);
  t.match(failures[0], /^ERR_(CONNECT|CLOSED|TIMEOUT)$/);
});

testWith(boto3, 'boto3, through the gateway', async (t, python) => {
  const { endpoint, failures, killAndStart } = await startBehindGateway(t);
  const call = {
    parameters: { NumberOfBytes: 32 },
    client: asClient(goodKey),
    attempts: maxAttempts,
  };
  const [[outcome]] = await Promise.all([callWithBoto3(python, endpoint, [call]), killAndStart()]);
  t.match(outcome, { status: 200, size: 32, error: null });
  t.ok(Number(outcome?.retries) > 0, `${outcome?.retries} retries`);
  t.match(failures[0], /^ERR_(CONNECT|CLOSED|TIMEOUT)$/);
});
