/** The files of the gateway's page: the package has them in page/, as a browser gets them. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { packageRoot } from './common/package.js';

const names = [
  'index.html',
  'style.css',
  'icon.svg',
  'page.js',
  'chart.js',
  'copying.js',
  'dom.js',
  'facts.js',
  'load.js',
  'polling.js',
  'rates.js',
  'sources.js',
  'status.js',
  'transitions.js',
  'words.js',
] as const;

/** Texts by the name of the file. */
export type PageFiles = Readonly<Record<(typeof names)[number], string>>;

let reading: Promise<PageFiles> | undefined;

/**
 * The files, read together at the first call, so that they fit each other whatever happens to the
 * package later.
 * @throws the error of node:fs where one cannot be read; the next call tries again
 */
export function pageFiles(): Promise<PageFiles> {
  reading ??= readAll().catch((error) => {
    reading = undefined;
    throw error;
  });
  return reading;
}

async function readAll(): Promise<PageFiles> {
  const read = async (name: string) => [
    name,
    await readFile(join(packageRoot, 'page', name), 'utf8'),
  ];
  return Object.fromEntries(await Promise.all(names.map(read)));
}
