/** A line of the log for people at a terminal, made of the JSON line that everything else gets. */
import { type Paint, printable, type Style } from './terminal.js';

/** pino's levels as the log names them. */
const levels: Record<string, { word: string; style: Style }> = {
  fatal: { word: 'FATAL', style: 'red' },
  error: { word: 'ERROR', style: 'red' },
  warn: { word: 'WARN ', style: 'yellow' },
  info: { word: 'INFO ', style: 'green' },
};
const otherLevel = { word: 'DEBUG', style: 'dim' } as const;

/**
 * Time of day in UTC, level, message, and the fields as `name=value`.
 * @param json one line of the log
 * @returns one line, with its end
 */
export function readableLine(json: string, paint: Paint): string {
  const { level, time, msg, ...fields } = JSON.parse(json) as Record<string, unknown>;
  const { word, style } = levels[String(level)] ?? otherLevel;
  const [clock] = String(time).split('T').slice(-1);
  const parts = [paint('dim', `${clock}`), paint(style, word), printable(msg)];
  for (const [name, value] of Object.entries(fields)) {
    // The message has it in words.
    if (String(msg).includes(String(value))) continue;
    parts.push(paint('dim', printable(`${name}=${shown(value)}`)));
  }
  return `${parts.join(' ')}\n`;
}

function shown(value: unknown): string {
  return typeof value === 'string' && /^[^\s"=]+$/.test(value) ? value : JSON.stringify(value);
}
