/** Prints results: figures, goals and tables. */

const digits = (value) => (value < 100 ? 2 : 0);

export const figure = (value) => value.toFixed(digits(value));

const mark = (value, met, wanted) => `${figure(value)} (${met ? 'goal' : 'short of'} ${wanted})`;

export const atLeast = (value, wanted) => mark(value, value >= wanted, `at least ${wanted}`);

export const atMost = (value, wanted) => mark(value, value <= wanted, `at most ${wanted}`);

/**
 * Prints a table below its title.
 * @param columns column names
 * @param rows arrays of cells: strings, or numbers, which are right-aligned
 */
export function printTable(title, columns, rows) {
  const text = (cell) => (typeof cell === 'number' ? figure(cell) : cell);
  const widths = columns.map((name, i) =>
    Math.max(name.length, ...rows.map((row) => text(row[i]).length)),
  );
  const print = (cells) =>
    console.log(
      cells
        .map((cell, i) =>
          typeof cell === 'number' ? text(cell).padStart(widths[i]) : cell.padEnd(widths[i]),
        )
        .join(' | ')
        .trimEnd(),
    );
  console.log(`\n${title}`);
  print(columns);
  for (const row of rows) print(row);
}
