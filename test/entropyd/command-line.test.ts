import t from 'tap';
import { defaultGatewayLimits, defaults } from '../../src/config/config.js';
import { entropydProgram } from '../../src/entropyd/command-line.js';

/** A subcommand of a new program, whose action only returns its options. */
function optionsOf(args: readonly string[]): object {
  const program = entropydProgram();
  const gateway = program.commands.find((command) => command.name() === 'gateway');
  gateway?.action(() => {});
  program.parse(['node', 'entropyd', 'gateway', ...args]);
  return gateway?.opts() ?? {};
}

t.test('every option of the gateway has the name of a key of [gateway]', async (t) => {
  const gateway = entropydProgram().commands.find((command) => command.name() === 'gateway');
  const names = gateway?.options.map((option) => option.attributeName()) ?? [];
  t.strictSame(
    names.filter((name) => !Object.hasOwn(defaults.gateway, name)),
    ['config', 'checkConfig', 'socket', 'noOpen', 'insecureNetwork'],
  );
  t.strictSame(
    Object.keys(defaults.gateway).filter((key) => !names.includes(key)),
    ['access', ...Object.keys(defaultGatewayLimits), 'workers'],
    'and every key has an option but the one that opens a gateway, the limits, and the workers',
  );
});

t.test('options that may be repeated are lists', async (t) => {
  t.strictSame(
    optionsOf([
      ...['--listen', 'a:1', '--listen', 'unix:/b'],
      ...['--region', 'c', '--page-host', 'd', '--page-host', 'e', '--audit', '-'],
    ]),
    { listen: ['a:1', 'unix:/b'], regions: ['c'], pageHosts: ['d', 'e'], audit: '-' },
  );
  t.strictSame(optionsOf([]), {}, 'what is not given overrides nothing');
});

t.test('the gateway’s options before its name are refused, not ignored', async (t) => {
  const program = entropydProgram();
  await t.rejects(program.parseAsync(['node', 'entropyd', '--config', 'c.toml', 'gateway']), {
    code: 'ERR_USAGE',
    message: "--config: put the gateway's options after the word gateway",
  });
});
