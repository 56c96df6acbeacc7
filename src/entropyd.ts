#!/usr/bin/env node
/** The program `entropyd`: the daemon, the gateway and the quick start. */
import { Command, Option } from 'commander';
import { quickstart, quickstartAddress, quickstartSocket } from './commands/quickstart.js';
import { prepare, runProgram } from './commands/run.js';
import { serve } from './commands/serve.js';
import { defaultGatewayAddress } from './config.js';
import { version } from './version.js';

const collect = (value: string, previous: string[] | undefined) => [...(previous ?? []), value];

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
  .option('--listen <address>', 'HOST:PORT on loopback, or unix:PATH; may be repeated', collect)
  .option('--socket <path>', "the daemon's Unix socket")
  .addOption(
    new Option('--dialect <name>', 'lengths of gen-random: otc 512 bits, hwc 8 to 8192')
      .choices(['otc', 'hwc'])
      .default('otc'),
  )
  .option('--node-sdk-errors', "gen-random errors that Huawei's SDK for Node.js can read")
  .option('--page-host <name>', 'serve the pages under this host name too', collect)
  .action(async (options) => {
    const { gateway } = await import('./commands/gateway.js');
    await gateway({ listen: [defaultGatewayAddress], pageHost: [], ...options });
  });

prepare(program.command('quickstart'))
  .description('Starts daemon and gateway, shows one answer of each API, and keeps serving.')
  .option('--socket <path>', 'Unix socket to listen on', quickstartSocket)
  .option('--listen <address>', 'address of the gateway', quickstartAddress)
  .action(quickstart);

await runProgram(program, process.argv);
