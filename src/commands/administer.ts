/** `entropyctl selftest` and `entropyctl reseed`: what administrators may ask for. */
import { connect } from '../client.js';

export interface AdminCommandOptions {
  socket?: string;
  json?: boolean;
}

const failedExitCode = 1;

/** Runs the health tests; exit code 1 if a source failed. */
export async function selftest({ socket, json = false }: AdminCommandOptions): Promise<void> {
  const client = connect(socket === undefined ? {} : { socketPath: socket });
  try {
    const result = await client.selftest();
    const { passed, state, reason, sources } = result;
    if (json) console.log(JSON.stringify(result, null, 2));
    else {
      const there = sources.filter((source) => source.state !== 'absent');
      for (const source of there) console.log(`${source.name}: ${source.state}`);
      console.log(
        `${passed ? 'passed' : 'failed'}; ${state}${reason === '' ? '' : ` (${reason})`}`,
      );
    }
    if (!passed) process.exitCode = failedExitCode;
  } finally {
    await client.close();
  }
}

/** Reseeds now. */
export async function reseed({ socket }: AdminCommandOptions): Promise<void> {
  const client = connect(socket === undefined ? {} : { socketPath: socket });
  try {
    const { state, reason, reseeds } = await client.reseed();
    console.log(
      `${state}${reason === '' ? '' : ` (${reason})`}; seeds since the start: ${reseeds}`,
    );
  } finally {
    await client.close();
  }
}
