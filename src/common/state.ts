/** The generator's state in words, the same for every program. */

/** What holds for clients, by state; docs/troubleshooting.md explains the states. */
const consequences: Readonly<Record<string, 'serving' | 'not serving'>> = {
  seeding: 'not serving',
  operational: 'serving',
  degraded: 'serving',
  error: 'not serving',
  fallback: 'serving',
};

/** Whether random bytes are served; false in a state of another version. */
export function serves(state: string): boolean {
  return Object.hasOwn(consequences, state) && consequences[state] === 'serving';
}

/**
 * State and reason in one line: `degraded, serving: hwrng lost 12 s ago`.
 * @param reason begins with "serving" or "not serving"; it may be empty, and another version's may
 *   begin with the cause
 */
export function stateLine(state: string, reason: string): string {
  if (/^(not )?serving\b/.test(reason)) return `${state}, ${reason}`;
  const known = Object.hasOwn(consequences, state) ? `${state}, ${consequences[state]}` : state;
  return reason === '' ? known : `${known}: ${reason}`;
}

/** A reason without its consequence, for where that is said already. */
export function causeOf(reason: string): string {
  return reason.replace(/^(not )?serving: /, '');
}
