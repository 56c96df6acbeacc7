/** What each release promised, as record.mjs recorded it: test/vectors/releases/, a folder for each. */
import { readdirSync, readFileSync } from 'node:fs';

const folder = new URL('../vectors/releases/', import.meta.url);

/** names.json: what users may rely on. */
export interface Names {
  /** Keys of the configuration file with their defaults as TOML; null without one. */
  configuration: Record<string, string | null>;
  credentials: string[];
  /** Commands, arguments, options and their choices, a line each. */
  commandLines: string[];
  /** Exports of the package and methods of its classes, as `entry: name`. */
  library: string[];
  metrics: Record<string, { type: string; labels: string[] }>;
}

/** A request and the bytes that the release's daemon answered. */
export interface Answer {
  request: [number, number, string, unknown[]];
  answer: string;
}

export interface Release {
  version: string;
  names: Names;
  answers: Answer[];
  /** Its client library. */
  client(): Promise<typeof import('../../src/index.js')>;
}

const json = (path: string) => JSON.parse(readFileSync(new URL(path, folder), 'utf8'));

/** All releases that were recorded. */
export const releases: readonly Release[] = readdirSync(folder).map((version) => ({
  version,
  names: json(`${version}/names.json`),
  answers: json(`${version}/answers.json`).answers,
  client: () => import(new URL(`${version}/client.mjs`, folder).href),
}));
