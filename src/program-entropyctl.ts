/** The command line of `entropyctl`: the administrator's command, a client of the daemon. */
import { Command, Option } from 'commander';
import { reseed, selftest } from './commands/administer.js';
import { health } from './commands/health.js';
import { noise } from './commands/noise.js';
import { parseSize, random } from './commands/random.js';
import { formats } from './commands/random-formats.js';
import { prepare } from './commands/run.js';
import { status } from './commands/status.js';
import { version } from './version.js';

const socketOption = ['--socket <path>', "the daemon's Unix socket"] as const;

/** Not run yet: man/ makes pages and completion of it. */
export const program = prepare(new Command('entropyctl'))
  .description('Asks the entropy daemon of this host.')
  .version(version);

prepare(program.command('random'))
  .description('Prints N random bytes.')
  .argument('<N>', 'bytes; K, M and G are powers of 1024', parseSize)
  .option(...socketOption)
  .addOption(
    new Option('--format <name>', 'default: raw, on a terminal hex').choices(Object.keys(formats)),
  )
  .option('--prediction-resistance', 'reseed from live entropy first')
  .option('--output <file>', 'write to a file; a new one only its owner may read')
  .action(random);

prepare(program.command('health'))
  .description('Prints one line; exits 0 OK, 1 WARNING, 2 CRITICAL, 3 UNKNOWN.')
  .option(...socketOption)
  .option('--json', 'the whole answer')
  .action(health);

prepare(program.command('status'))
  .description('Prints the state, sources, seeds and counters.')
  .option(...socketOption)
  .option('--json', 'the whole answer')
  .option('--watch', 'again every 2 seconds')
  .action(status);

prepare(program.command('selftest'))
  .description('Runs the health tests now (administrators); exits 1 if a source fails.')
  .option(...socketOption)
  .option('--json', 'the whole answer')
  .action(selftest);

prepare(program.command('reseed'))
  .description('Reseeds the generator now (administrators).')
  .option(...socketOption)
  .action(reseed);

prepare(program.command('noise'))
  .description('Prints raw samples of a noise source, for assessment (administrators).')
  .argument('<source>', 'its name, as in status')
  .argument('<N>', 'samples of a byte; K, M and G are powers of 1024', parseSize)
  .option(...socketOption)
  .option('--output <file>', 'write to a file; a new one only its owner may read')
  .action(noise);
