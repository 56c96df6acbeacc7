import fc from 'fast-check';
import t from 'tap';
import { type PageView, renderPage } from '../../../src/gateway/pages/page-html.js';
import { pageFiles } from '../../../src/page-files.js';

const { 'index.html': template } = await pageFiles();

const view: PageView = {
  state: 'operational',
  reason: 'a reason',
  url: 'http://localhost:8478',
  access: 'anybody is let in',
  calls: [{ title: 'Call', note: 'A note.', command: 'ask http://localhost:8478/x', hasUrl: true }],
};

t.test('puts texts where the template wants them', async (t) => {
  t.equal(
    renderPage('{{state}}|{{title}}|{{reason}}|{{host}}|{{access}}|{{nonsense}}', view),
    'operational|operational|a reason|localhost:8478|anybody is let in|',
  );
  t.match(
    renderPage('{{calls}}', view),
    '<code>ask <span data-origin>http://localhost:8478</span>/x</code>',
  );
  const call = { title: 'Socket', note: '', command: 'ask http://localhost:8478', hasUrl: false };
  t.match(renderPage('{{calls}}', { ...view, calls: [call] }), `<code>${call.command}</code>`);
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
      const calls = [{ title: text, note: text, command: `${text} ${view.url}`, hasUrl: true }];
      const page = renderPage(template, { ...view, state, reason, access: text, calls });
      t.strictSame(tags(page), wanted);
      const attributes = page.match(/\s(?:on\w+|autofocus)\s*=\s*["']/g);
      t.equal(attributes, null);
    }),
    { numRuns: 50 },
  );
});
