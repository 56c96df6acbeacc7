/** What clients may use. */
export interface Limits {
  /** Of one message, bytes. */
  messageBytes: number;
  /** In all; some more are kept for administrators. */
  connections: number;
  connectionsPerUser: number;
  /** Random bytes; 0: no limit. */
  bytesPerSecondPerUser: number;
  /** Answers that the kernel has not taken: of all users, and of one. */
  unsentBytes: number;
  unsentBytesPerUser: number;
  /** Requests with prediction resistance that may wait for entropy. */
  freshRequestsPerUser: number;
  /** For a message to arrive whole, and for the kernel to take a piece of an answer. */
  messageSeconds: number;
  stallSeconds: number;
}
