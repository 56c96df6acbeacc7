import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import t from 'tap';
import {
  type PageView,
  pageFiles,
  pageHeaders,
  renderPage,
} from '../../../src/gateway/pages/front-page.js';

const root = fileURLToPath(new URL('../../..', import.meta.url));
const folder = join(root, 'page');

t.test('gives each file of the page as it is', async (t) => {
  const files = await pageFiles();
  const names = readdirSync(folder).filter((name) => name !== 'tsconfig.json');
  t.strictSame(Object.keys(files).sort(), names.sort());
  for (const [name, text] of Object.entries(files))
    t.equal(text, readFileSync(join(folder, name), 'utf8'), name);
  t.equal(await pageFiles(), files, 'read once');
});

t.test('npm packs them', async (t) => {
  const args = ['pack', '--dry-run', '--ignore-scripts', '--json'];
  const [{ files }] = JSON.parse(
    execFileSync('npm', args, { cwd: root, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }),
  );
  const packed = files.map(({ path }: { path: string }) => path);
  const wanted = Object.keys(await pageFiles()).map((name) => `page/${name}`);
  t.strictSame(packed.filter((path: string) => path.startsWith('page/')).sort(), wanted.sort());
});

t.test('where a file is missing it fails, and tries again with the next call', async (t) => {
  const { pageFiles: fresh } = await t.mockImport<
    typeof import('../../../src/gateway/pages/front-page.js')
  >('../../../src/gateway/pages/front-page.js', {
    'node:fs/promises': {
      readFile: (() => {
        let calls = 0;
        return async () => {
          if (calls++ === 0) throw Object.assign(new Error('gone'), { code: 'ENOENT' });
          return 'text';
        };
      })(),
    },
  });
  await t.rejects(fresh(), { code: 'ENOENT' });
  t.match(await fresh(), { 'index.html': 'text' });
});

t.test('a page loads from its own origin alone, and nobody may frame it', async (t) => {
  const policy = new Map(
    (pageHeaders['Content-Security-Policy'] ?? '').split('; ').map((directive) => {
      const [name = '', ...values] = directive.split(' ');
      return [name, values.join(' ')];
    }),
  );
  t.strictSame(Object.fromEntries(policy), {
    'default-src': "'none'",
    'script-src': "'self'",
    'style-src': "'self'",
    'img-src': "'self'",
    'connect-src': "'self'",
    'base-uri': "'none'",
    'form-action': "'none'",
    'frame-ancestors': "'none'",
    'require-trusted-types-for': "'script'",
    'trusted-types': "'none'",
  });
  t.match(pageHeaders, {
    'Cross-Origin-Embedder-Policy': 'require-corp',
    'Cross-Origin-Opener-Policy': 'same-origin',
    'Cross-Origin-Resource-Policy': 'same-origin',
    'Referrer-Policy': 'no-referrer',
  });
});

const { 'index.html': template } = await pageFiles();

const view: PageView = {
  state: 'operational',
  reason: 'serving: a reason',
  construction: 'RBGC',
  hostname: 'a-host',
  url: 'http://localhost:8478',
  access: 'anybody is let in',
  warnings: ['everybody <b>', 'everywhere'],
  examples: [
    { title: 'Call', note: 'A note.', command: 'ask http://localhost:8478/x', hasUrl: true },
  ],
};

t.test('puts texts where the template wants them', async (t) => {
  t.equal(
    renderPage(
      '{{state}}|{{construction}}|{{title}}|{{reason}}|{{hostname}}|{{access}}|{{nonsense}}',
      view,
    ),
    'operational|RBGC|operational|a reason|a-host|anybody is let in|',
  );
  t.match(
    renderPage('{{calls}}', view),
    '<code>ask <span data-origin>http://localhost:8478</span>/x</code>',
  );
  t.match(
    renderPage('<ul>{{warnings}}</ul>', view),
    /^<ul><li><svg .*<\/svg>everybody &lt;b&gt;<\/li><li>.*everywhere<\/li><\/ul>$/,
  );
  const call = { title: 'Socket', note: '', command: 'ask http://localhost:8478', hasUrl: false };
  t.match(renderPage('{{calls}}', { ...view, examples: [call] }), `<code>${call.command}</code>`);
});

t.test('nothing of the template is left, and a state has words', async (t) => {
  t.notMatch(renderPage(template, view), /\{\{|\}\}/);
  for (const [state, shown] of [
    ['operational', 'operational'],
    ['degraded', 'degraded'],
    ['fallback', 'fallback'],
    ['seeding', 'seeding'],
    ['error', 'error'],
    ['unreachable', 'unreachable'],
    ['no-gateway', 'unknown'],
    ['molten', 'unknown'],
    ['"><script>', 'unknown'],
  ] as const) {
    const page = renderPage(template, { ...view, state });
    t.match(page, `data-state="${shown}"`, state);
    t.match(page, `<div data-for="${shown}">`, `${state}: what it is`);
    t.match(page, `<p data-for="${shown}">`, `${state}: what to do`);
  }
});

/** What an HTML parser takes for tags: all that begins with `<`. */
const tags = (page: string) => page.match(/<[^\s>]*/g);

t.test('whatever the texts are, they make no element and no attribute', async (t) => {
  const hostile = fc.oneof(
    fc.string(),
    fc.constantFrom(
      '</script><img src=x onerror=alert(1)>',
      '" onmouseover="alert(1)',
      "' autofocus onfocus='alert(1)",
      '<!--',
      '{{calls}}',
      '$&$`$1',
      '&lt;script&gt;',
    ),
  );
  const wanted = tags(renderPage(template, view));
  fc.assert(
    fc.property(hostile, hostile, hostile, (state, reason, text) => {
      const examples = [{ title: text, note: text, command: `${text} ${view.url}`, hasUrl: true }];
      const hostileView = { ...view, state, reason, construction: state, access: text, examples };
      const page = renderPage(template, hostileView);
      t.strictSame(tags(page), wanted);
      const attributes = page.match(/\s(?:on\w+|autofocus)\s*=\s*["']/g);
      t.equal(attributes, null);
    }),
    { numRuns: 50 },
  );
});
