/** Reads the answer of /status: the members that the page uses. */

/**
 * @typedef {{ name: string, path: string, rngCurrent: string, state: string, testedBitsPerByte: number,
 *   creditedBitsPerByte: number, secondsInState: number, physical: boolean, hiddenByKernel: boolean, bytes: number, bytesPerSecond: number, retries: number, alarms: number,
 *   lastAlarm: string, lastError: string }} Source
 * @typedef {{ time: string, state: string, reason: string }} Transition
 * @typedef {{ version: string, dialect: string, verifies: boolean, warnings: string[], listen: string[] }} Gateway
 * @typedef {{ bounds: number[], buckets: number[] }} Serving
 * @typedef {{ state: string, reason: string, construction: string, sources: Source[], transitions: Transition[], version: string,
 *   node: string, openssl: string, pid: number, uptimeSeconds: number, reseeds: number,
 *   requestsSinceReseed: number, secondsSinceReseed: number, memoryLocked: boolean, connections: number,
 *   connectionsTotal: number, requests: number, randomBytes: number, errors: [string, number][],
 *   serving: Serving, gateway: Gateway }} Status
 */

/** @param {unknown} value */
export const text = (value) => (typeof value === 'string' ? value : '');

/** @param {unknown} value */
export const number = (value) => (typeof value === 'number' ? value : 0);

/**
 * @param {unknown} value
 * @returns {Record<string, unknown>} empty if `value` is not an object
 */
export const object = (value) =>
  typeof value === 'object' && value !== null ? /** @type {Record<string, unknown>} */ (value) : {};

/**
 * @template T
 * @param {unknown} value
 * @param {(item: unknown) => T} read
 * @returns {T[]} empty if `value` is not an array
 */
export const list = (value, read) => (Array.isArray(value) ? value.map(read) : []);

/**
 * Reads an answer. A member that is missing or has another type becomes empty or 0: the page must also work
 * with a daemon of another version.
 * @param {unknown} body any JSON
 * @returns {Status}
 */
export function readStatus(body) {
  const from = object(body);
  const serving = object(from.serving);
  const gateway = object(from.gateway);
  return {
    state: text(from.state),
    reason: text(from.reason),
    construction: text(from.construction),
    sources: list(from.sources, readSource),
    transitions: list(from.transitions, readTransition),
    version: text(from.version),
    node: text(from.node),
    openssl: text(from.openssl),
    pid: number(from.pid),
    uptimeSeconds: number(from.uptimeSeconds),
    reseeds: number(from.reseeds),
    requestsSinceReseed: number(from.requestsSinceReseed),
    secondsSinceReseed: number(from.secondsSinceReseed),
    memoryLocked: from.memoryLocked === true,
    connections: number(from.connections),
    connectionsTotal: number(from.connectionsTotal),
    requests: number(from.requests),
    randomBytes: number(from.randomBytes),
    errors: Object.entries(object(from.errors)).map(([code, count]) => [code, number(count)]),
    serving: { bounds: list(serving.bounds, number), buckets: list(serving.buckets, number) },
    gateway: {
      version: text(gateway.version),
      dialect: text(gateway.dialect),
      verifies: gateway.verifies === true,
      warnings: list(gateway.warnings, text),
      listen: list(gateway.listen, text),
    },
  };
}

/**
 * @param {unknown} value
 * @returns {Source}
 */
function readSource(value) {
  const from = object(value);
  return {
    name: text(from.name),
    path: text(from.path),
    rngCurrent: text(from.rngCurrent),
    state: text(from.state),
    testedBitsPerByte: number(from.testedBitsPerByte),
    creditedBitsPerByte: number(from.creditedBitsPerByte),
    secondsInState: number(from.secondsInState),
    physical: from.physical === true,
    hiddenByKernel: from.hiddenByKernel === true,
    bytes: number(from.bytes),
    bytesPerSecond: number(from.bytesPerSecond),
    retries: number(from.retries),
    alarms: number(from.alarms),
    lastAlarm: text(from.lastAlarm),
    lastError: text(from.lastError),
  };
}

/**
 * @param {unknown} value
 * @returns {Transition}
 */
export function readTransition(value) {
  const from = object(value);
  return { time: text(from.time), state: text(from.state), reason: text(from.reason) };
}
