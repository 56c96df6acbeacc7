/** One command's talk with the daemon, after which the connection is closed. */
import { type Client, type ClientOptions, connect } from '../client/client.js';
import { askingFailed } from '../common/program.js';
import { clientSocket } from '../common/unix-socket.js';

/** What all commands take. */
export interface SessionOptions {
  /** The daemon's socket; default: where every client looks. */
  socket?: string;
  /** Answer and failure as one JSON object each. */
  json?: boolean;
}

/**
 * Lets `use` ask the daemon.
 * @throws CommandError where the daemon fails to answer
 */
export async function asking<T>(
  { socket }: SessionOptions,
  use: (client: Client) => Promise<T>,
  options: ClientOptions = {},
): Promise<T> {
  const socketPath = clientSocket(socket);
  const client = connect({ ...options, socketPath });
  try {
    return await use(client);
  } catch (error) {
    throw askingFailed(error, socketPath);
  } finally {
    await client.close();
  }
}
