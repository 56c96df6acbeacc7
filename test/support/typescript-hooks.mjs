/**
 * Module hooks for typescript.mjs: a relative import of name.js finds name.ts, and TypeScript is
 * translated as it is loaded, with its source map.
 */
import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { transformSync } from 'rolldown/utils';

/** What tsconfig.json says. */
const target = 'es2022';

// Last, so that tap's mocks are asked with the name that the importing file has.
export async function resolve(specifier, context, next) {
  try {
    return await next(specifier, context);
  } catch (error) {
    const found = /^(file:.*)\.js(\?.*)?$/.exec(error.url ?? '');
    if (found === null || !existsSync(new URL(`${found[1]}.ts`))) throw error;
    return next(`${found[1]}.ts${found[2] ?? ''}`, context);
  }
}

export async function load(url, context, next) {
  if (!/^file:.*\.ts(\?.*)?$/.test(url)) return next(url, context);
  const path = fileURLToPath(url);
  return { source: await translate(path), format: 'module', shortCircuit: true };
}

async function translate(path) {
  const text = readFileSync(path, 'utf8');
  const { code, map, errors } = transformSync(path, text, { target, sourcemap: true });
  if (errors.length > 0) throw new SyntaxError(`${path}: ${errors[0].message}`);
  // `using` takes a helper there, from a package of its own; the compiler writes it into the file.
  if (code.includes('@oxc-project/runtime')) return compile(path, text);
  const mapped = Buffer.from(JSON.stringify(map)).toString('base64');
  return `${code}\n//# sourceMappingURL=data:application/json;base64,${mapped}\n`;
}

async function compile(fileName, text) {
  const { default: typescript } = await import('typescript');
  const { ScriptTarget, ModuleKind } = typescript;
  const compilerOptions = {
    target: ScriptTarget.ES2022,
    module: ModuleKind.ES2022,
    inlineSourceMap: true,
  };
  return typescript.transpileModule(text, { fileName, compilerOptions }).outputText;
}
