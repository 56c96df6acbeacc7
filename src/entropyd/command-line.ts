/** The command line of `entropyd`: the daemon, the gateway and the quick start. */
import { Command, Option } from 'commander';
import { profiles, version } from '../common/package.js';
import { prepare, UsageError } from '../common/program.js';
import { dialects } from '../config/config.js';
import { serveDaemon } from './daemon.js';
import { quickstart, quickstartAddress, quickstartSocket } from './quickstart.js';

/** An option that may be repeated, for a key of the configuration that is a list. */
class ListOption extends Option {
  readonly #key: string;

  constructor(flags: string, description: string, key: string) {
    super(flags, `${description}; may be repeated`);
    this.#key = key;
    this.argParser((value, previous: string[] | undefined) => [...(previous ?? []), value]);
  }

  override attributeName(): string {
    return this.#key;
  }
}

/**
 * @returns a new program, which does nothing until it is parsed; the manual pages are made from it
 *   too
 */
export function entropydProgram(): Command {
  const program = prepare(new Command('entropyd'))
    .description('Serves random bytes from a health-tested generator on a Unix socket.')
    .version(version)
    .option('--config <file>', 'configuration file, TOML')
    .option('--check-config <file>', 'check a configuration file instead, and exit with 0 or 1')
    .option('--socket <path>', 'Unix socket to listen on')
    .option('--egd-socket <path>', 'Unix socket for EGD clients, such as QEMU')
    .option('--http <address>', 'also run the HTTP gateway: HOST:PORT on loopback, or unix:PATH')
    .addOption(
      new Option('--profile <name>', 'strict: no fallback, no credit for getrandom(2)').choices(
        profiles,
      ),
    )
    .action(serveDaemon);

  const noOpen = new Option(
    '--no-open',
    'refuse to start without credentials, unless the configuration has access = "open"',
  );
  const dialect = () =>
    new Option(
      '--dialect <name>',
      'lengths that gen-random accepts: otc 512 bits (default), hwc 8 to 8192',
    ).choices(dialects);
  const pageHost = () =>
    new ListOption('--page-host <name>', 'also serve the pages under this name', 'pageHosts');
  const upstream = [
    '--upstream <url>',
    'AWS KMS endpoint for all operations other than GenerateRandom',
  ] as const;
  const insecureNetwork = [
    '--insecure-network',
    'for development: serve other hosts without TLS or credentials, and an emulator to everyone',
  ] as const;
  // A flag of its own, and not commander's way of turning off an option named open.
  noOpen.negate = false;

  prepare(program.command('gateway'))
    .description('Answers the random-number APIs of cloud services over HTTP.')
    .option('--config <file>', 'configuration file, TOML')
    .option('--check-config <file>', 'check a configuration file instead, and exit with 0 or 1')
    .addOption(new ListOption('--listen <address>', 'HOST:PORT or unix:PATH', 'listen'))
    .option('--socket <path>', "the daemon's Unix socket")
    .option(
      '--credentials <file>',
      'credentials file, TOML; without it, any well-formed signature is accepted',
    )
    .option('--require-signatures', 'refuse to start without --credentials')
    .addOption(noOpen)
    .addOption(new ListOption('--api <name>', 'serve this API, and no other', 'apis'))
    .addOption(new ListOption('--region <name>', 'accept signatures for this region', 'regions'))
    .addOption(dialect())
    .option('--node-sdk-errors', "write gen-random errors that Huawei's SDK for Node.js can read")
    .addOption(pageHost())
    .option('--tls-cert <file>', 'certificate and chain, PEM; all TCP listeners then use TLS')
    .option('--tls-key <file>', "the certificate's private key, PEM")
    .option(
      '--audit <target>',
      'write a line for each request: to a file (a path with a slash), - (standard output), journal or syslog',
    )
    .option('--audit-required', 'refuse requests that cannot be written to the audit log')
    .option(...upstream)
    .option(
      '--upstream-resign',
      "sign requests to the upstream with the gateway's own credentials, as the real KMS needs",
    )
    .option(
      '--huawei-upstream <url>',
      'KMS endpoint of OTC or Huawei Cloud for all operations other than gen-random',
    )
    .option(
      '--huawei-upstream-resign',
      "sign requests to it with the gateway's own access key, as the real KMS needs",
    )
    .option(...insecureNetwork)
    .action(async (options) => {
      // Commander parses them as the daemon's, and ignoring --config would open the gateway.
      const [misplaced] = Object.keys(program.opts());
      if (misplaced !== undefined)
        throw new UsageError(`--${misplaced}: put the gateway's options after the word gateway`);
      process.title = 'entropyd-gateway';
      const { serveGateway } = await import('./gateway-process.js');
      await serveGateway(options);
    });

  // Started by the gateway itself, so that a worker is the very program that its primary process is.
  prepare(program.command('gateway-worker', { hidden: true })).action(async () => {
    process.title = 'entropyd-gateway';
    const { serveWorker } = await import('./gateway-process.js');
    await serveWorker();
  });

  prepare(program.command('quickstart'))
    .description('Starts daemon and gateway, shows an answer of each API, and keeps serving.')
    .option('--socket <path>', 'Unix socket to listen on', quickstartSocket)
    .option('--listen <address>', 'address of the gateway', quickstartAddress)
    .addOption(dialect())
    .addOption(pageHost())
    .option(...upstream)
    .option(...insecureNetwork)
    .action(quickstart);
  return program;
}
