import { Command } from 'commander';
import t from 'tap';
import { EntropyError, ServiceError } from '../../src/common/errors.js';
import {
  CommandError,
  endOnSignals,
  isSystemError,
  prepare,
  runProgram,
  terminationSignal,
  UsageError,
  usageExitCode,
} from '../../src/common/program.js';

/** A program with a subcommand, whose action throws what a test says. */
function program(thrown?: unknown): Command {
  const parent = prepare(new Command('tool')).version('1.2.3').option('--socket <path>', 'socket');
  prepare(parent.command('sub'))
    .argument('<N>')
    .option('--format <name>', 'format')
    .option('--json', 'JSON')
    .action(() => {
      if (thrown !== undefined) throw thrown;
    });
  return parent;
}

/** Runs the program; what it prints to standard error, and its exit code. */
async function outcome(args: string[], thrown?: unknown): Promise<{ code: unknown; said: string }> {
  let said = '';
  const made = program(thrown);
  for (const command of [made, ...made.commands])
    command.configureOutput({
      writeErr: (text) => {
        said += text;
      },
      writeOut: () => {},
    });
  await runProgram(made, ['node', 'tool', ...args], {
    write: (line) => {
      said += line;
    },
  });
  const code = process.exitCode;
  process.exitCode = undefined;
  return { code, said };
}

t.test('success does not set the exit code', async (t) => {
  t.strictSame(await outcome(['sub', '1']), { code: undefined, said: '' });
});

t.test('a usage error is one line with the fault and --help, and exit code 64', async (t) => {
  for (const [args, fault] of [
    [['--bogus'], "unknown option '--bogus'"],
    [['sub', '1', '--bogus'], "unknown option '--bogus'"],
    [['--sokcet', 'x'], "unknown option '--sokcet' (Did you mean --socket?)"],
    [['sub'], "missing required argument 'N'"],
    [['sub', '1', '2'], "too many arguments for 'sub'. Expected 1 argument but got 2."],
    [['sbu'], "unknown command 'sbu' (Did you mean sub?)"],
    [['sub', '1', '--format'], "option '--format <name>' argument missing"],
  ] as const) {
    const { code, said } = await outcome([...args]);
    t.equal(said, `tool: ${fault} (see --help)\n`);
    t.equal(code, usageExitCode, fault);
  }
});

t.test('a fault that an action finds is a usage error too', async (t) => {
  t.strictSame(await outcome(['sub', '1'], new UsageError('N: want more')), {
    code: 64,
    said: 'tool: N: want more\n',
  });
});

t.test('help and version are not failures; a missing subcommand is', async (t) => {
  for (const [args, code] of [
    [['--help'], 0],
    [['sub', '--help'], 0],
    [['--version'], 0],
    [[], 64],
  ] as const)
    t.equal((await outcome([...args])).code, code, args.join(' '));
});

t.test(
  'a foreseen failure is one line and exit code 1; an API’s error is reported by its cause',
  async (t) => {
    for (const [thrown, line] of [
      [new EntropyError('ERR_CONNECT', 'no daemon'), 'no daemon'],
      [new ServiceError('KMS.1801', 400, 'wrong length'), 'wrong length'],
      [
        new ServiceError('KMS.0104', 503, 'Contact technical support.', {
          cause: new EntropyError('ERR_CONNECT', 'no daemon on /s'),
        }),
        'no daemon on /s',
      ],
      [
        Object.assign(new Error("ENOSPC: no space left on device, write '/f'"), {
          syscall: 'write',
        }),
        "ENOSPC: no space left on device, write '/f'",
      ],
    ] as const)
      t.strictSame(await outcome(['sub', '1'], thrown), { code: 1, said: `tool: ${line}\n` });
  },
);

t.test('a failure is one line that a terminal does not obey', async (t) => {
  t.strictSame(await outcome(['sub', '1'], new CommandError('EIO', 'a\nb\x1b[2J')), {
    code: 1,
    said: 'tool: a\ufffdb\ufffd[2J\n',
  });
});

t.test('with --json a failure is one line of JSON with a code', async (t) => {
  for (const [thrown, code, error] of [
    [new EntropyError('ERR_CONNECT', 'none'), 1, { code: 'ERR_CONNECT', message: 'none' }],
    [new CommandError('ENOSPC', 'full'), 1, { code: 'ENOSPC', message: 'full' }],
    [new UsageError('N: want more'), 64, { code: 'ERR_USAGE', message: 'N: want more' }],
    [new TypeError('a bug'), 1, { code: 'ERR_INTERNAL', message: 'TypeError: a bug' }],
  ] as const) {
    const { code: exit, said } = await outcome(['sub', '1', '--json'], thrown);
    t.equal(exit, code);
    t.strictSame(JSON.parse(said), { error });
    t.match(said, /^[^\n]+\n$/);
  }
  const { said } = await outcome(['sub', '1', '--json', '--bogus']);
  t.match(JSON.parse(said), { error: { code: 'ERR_USAGE', message: /unknown option '--bogus'/ } });
});

t.test(
  'if the reader of the output is gone, nothing is printed, and the exit code is SIGPIPE’s',
  async (t) => {
    for (const args of [
      ['sub', '1'],
      ['sub', '1', '--json'],
    ])
      t.strictSame(await outcome(args, new CommandError('EPIPE', 'write EPIPE')), {
        code: 141,
        said: '',
      });
  },
);

t.test('an unforeseen failure is printed with its stack', async (t) => {
  const bug = new TypeError('a bug');
  const { code, said } = await outcome(['sub', '1'], bug);
  t.equal(code, 1);
  t.match(said, /^TypeError: a bug/);
  const { said: cause } = await outcome(
    ['sub', '1'],
    new ServiceError('KMS.0101', 500, 'KMS error.', { cause: bug }),
  );
  t.match(cause, /KMS error\./);
});

t.test('a subcommand has its own options, even if the parent has the same', async (t) => {
  let seen: unknown;
  const parent = prepare(new Command('tool'))
    .option('--socket <path>', 'x')
    .action(() => {});
  prepare(parent.command('sub'))
    .option('--socket <path>', 'x')
    .action((options) => {
      seen = options;
    });
  await runProgram(parent, ['node', 'tool', 'sub', '--socket', '/s']);
  t.strictSame(seen, { socket: '/s' });
});

t.test('the first termination signal is caught, the next one ends the process', async (t) => {
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    const before = [process.listenerCount('SIGTERM'), process.listenerCount('SIGINT')];
    const ended = terminationSignal();
    t.equal(process.listenerCount(signal), (before[signal === 'SIGTERM' ? 0 : 1] ?? 0) + 1);
    process.emit(signal, signal);
    t.equal(await ended, signal);
    t.strictSame(
      [process.listenerCount('SIGTERM'), process.listenerCount('SIGINT')],
      before,
      'no longer caught',
    );
  }
});

t.test(
  'after endOnSignals a signal ends the process silently, as a shell reports it',
  async (t) => {
    const signals = [
      ['SIGHUP', 129],
      ['SIGINT', 130],
      ['SIGTERM', 143],
    ] as const;
    const before = new Set(signals.flatMap(([signal]) => process.listeners(signal)));
    endOnSignals();
    t.teardown(() => {
      for (const [signal] of signals)
        for (const listener of process.listeners(signal))
          if (!before.has(listener)) process.off(signal, listener);
    });
    const exits = t.capture(process, 'exit', () => undefined as never);
    for (const [signal] of signals) process.emit(signal, signal);
    t.strictSame(
      exits().map(({ args }) => args),
      signals.map(([, code]) => [code]),
    );
  },
);

t.test('a system error is an Error with a system call', async (t) => {
  t.ok(isSystemError(Object.assign(new Error('x'), { syscall: 'open' })));
  for (const other of [new Error('x'), { syscall: 'open' }, undefined])
    t.notOk(isSystemError(other));
});

t.test('a UsageError has the code that leads to exit code 64', async (t) => {
  t.match(new UsageError('N'), { code: 'ERR_USAGE', message: 'N' });
});
