/** The command line of `entropyd`: daemon, gateway and quick start; to be run, or to be described. */
import { Command, Option } from 'commander';
import { version } from '../common/package.js';
import { prepare, UsageError } from '../common/program.js';
import { serve } from './daemon.js';
import { quickstart, quickstartAddress, quickstartSocket } from './quickstart.js';

const collect = (value: string, previous: string[] | undefined) => [...(previous ?? []), value];

/** @returns a new program, which does nothing until it is parsed */
export function entropydProgram(): Command {
  const program = prepare(new Command('entropyd'))
    .description('Serves random bytes from a health-tested generator on a Unix socket.')
    .version(version)
    .option('--config <file>', 'configuration, TOML')
    .option('--socket <path>', 'Unix socket to listen on')
    .option('--http <address>', 'run the HTTP gateway too: HOST:PORT on loopback, or unix:PATH')
    .addOption(
      new Option('--profile <name>', 'strict: no fallback, no credit for getrandom(2)').choices([
        'default',
        'strict',
      ]),
    )
    .action(serve);

  prepare(program.command('gateway'))
    .description('Answers AWS KMS GenerateRandom and gen-random over HTTP.')
    .option('--config <file>', 'configuration, TOML')
    .option('--listen <address>', 'HOST:PORT or unix:PATH; may be repeated', collect)
    .option('--socket <path>', "the daemon's Unix socket")
    .option(
      '--credentials <file>',
      'who may ask, TOML; without it any well-formed signature will do',
    )
    .option('--require-signatures', 'do not start without --credentials')
    .option('--region <name>', 'take signatures for this region only; may be repeated', collect)
    .addOption(
      new Option(
        '--dialect <name>',
        'lengths of gen-random: otc 512 bits (default), hwc 8 to 8192',
      ).choices(['otc', 'hwc']),
    )
    .option('--node-sdk-errors', "gen-random errors that Huawei's SDK for Node.js can read")
    .option(
      '--page-host <name>',
      'serve the pages under this host name too; may be repeated',
      collect,
    )
    .option('--tls-cert <file>', 'certificate and chain, PEM: TCP listeners speak TLS')
    .option('--tls-key <file>', "the certificate's key, PEM")
    .option('--audit <file>', 'write a line for each request; - for standard output')
    .option('--upstream <url>', 'the KMS endpoint for all that is not GenerateRandom')
    .option(
      '--upstream-resign',
      "sign for it with the gateway's own credentials, as for the real KMS",
    )
    .action(async (options) => {
      // Commander gives them to the daemon, and a --config that is not read would open the gateway.
      const [misplaced] = Object.keys(program.opts());
      if (misplaced !== undefined)
        throw new UsageError(`--${misplaced}: options of the gateway come after the word gateway`);
      const { gateway } = await import('./gateway-process.js');
      await gateway(options);
    });

  prepare(program.command('quickstart'))
    .description('Starts daemon and gateway, shows one answer of each API, and keeps serving.')
    .option('--socket <path>', 'Unix socket to listen on', quickstartSocket)
    .option('--listen <address>', 'address of the gateway', quickstartAddress)
    .action(quickstart);
  return program;
}
