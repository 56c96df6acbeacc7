/** The package's version. */
import { createRequire } from 'node:module';

const { version: fromPackage } = createRequire(import.meta.url)('../package.json') as {
  version: string;
};

export const version: string = fromPackage;
