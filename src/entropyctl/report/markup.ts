/** Pieces of HTML in which every text is nothing but text. */
import { escapeHtml as escaped } from '../../common/html.js';
import { printable } from '../../common/terminal.js';

/** For the content of an element, and for an attribute's value in quotes. Control characters are shown. */
export function escapeHtml(text: string): string {
  return escaped(printable(text));
}

/** A table; the first row has headings, and the first cell of each further row is one. */
export function table(rows: readonly (readonly string[])[], caption: string): string {
  const [head = [], ...body] = rows;
  const cells = (row: readonly string[]) => {
    const [first = '', ...rest] = row.map(escapeHtml);
    return `<tr><th scope="row">${first}</th>${rest.map((cell) => `<td>${cell}</td>`).join('')}</tr>`;
  };
  const headings = head.map((cell) => `<th scope="col">${escapeHtml(cell)}</th>`).join('');
  return `<table>
<caption>${escapeHtml(caption)}</caption>
<thead><tr>${headings}</tr></thead>
<tbody>
${body.map(cells).join('\n')}
</tbody>
</table>`;
}

/** Names and values, a line each. */
export function facts(pairs: readonly (readonly [name: string, value: string])[]): string {
  const lines = pairs.map(
    ([name, value]) =>
      `<dt>${escapeHtml(name)}</dt><dd>${escapeHtml(value === '' ? 'unknown' : value)}</dd>`,
  );
  return `<dl>\n${lines.join('\n')}\n</dl>`;
}

/** Paragraphs; an empty text is none. */
export function paragraphs(...texts: readonly string[]): string {
  const some = texts.filter((text) => text !== '');
  return some.map((text) => `<p>${escapeHtml(text)}</p>`).join('\n');
}

export function list(texts: readonly string[]): string {
  return `<ul>\n${texts.map((text) => `<li>${escapeHtml(text)}</li>`).join('\n')}\n</ul>`;
}

/** An argument as a POSIX shell takes it. */
export function shellWord(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}

/** Commands, to be copied. */
export function commands(lines: readonly string[]): string {
  return `<pre>${lines.map(escapeHtml).join('\n')}</pre>`;
}
