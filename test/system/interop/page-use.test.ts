/** The gateway's page in a real browser: what people do with it, and what the daemon must not do to it. */
import { hostname } from 'node:os';
import fc from 'fast-check';
import type { Test } from 'tap';
import type { RandomSource } from '../../../src/apis/api.js';
import { startGateway } from '../../../src/gateway/gateway.js';
import { fakeSource, memoryLog } from '../../support/gateway.js';
import { freePath } from '../../support/paths.js';
import { until } from '../../support/until.js';
import { chromiumClient, openPage, read, startBrowser } from './browser.js';
import { testWith } from './installed.js';

/** A gateway before a daemon that says what it is told to. */
async function startBefore(t: Test, source: Partial<RandomSource> = {}): Promise<string> {
  const gateway = await startGateway({
    listen: ['127.0.0.1:0', `unix:${freePath()}`],
    client: fakeSource(source),
    dialect: 'otc',
    log: memoryLog(),
  });
  t.teardown(() => gateway.close());
  return `http://${gateway.addresses[0]}/`;
}

testWith(chromiumClient, 'the commands of the page can be copied', async (t, command) => {
  const url = await startBefore(t);
  const browser = await startBrowser(command);
  const permissions = ['clipboard-read', 'clipboard-write'];
  for (const way of ['by the Clipboard API', 'without it']) {
    const { page, faults } = await openPage(browser, url, { permissions });
    if (way === 'without it')
      await page.evaluate(`Clipboard.prototype.writeText = () => Promise.reject(new Error('no'))`);
    const calls = await page.locator('.call').all();
    t.equal(calls.length, 9);
    for (const call of calls) {
      const code = (await call.locator('code').textContent()) ?? '';
      t.match(code, /127\.0\.0\.1:\d+|--unix-socket/);
      const button = call.locator('button');
      await button.focus();
      await page.keyboard.press('Enter');
      await button.getByText('Copied').waitFor();
      t.equal(await read(page, '#copied'), 'Copied', 'a screen reader is told');
      t.equal(await page.evaluate('navigator.clipboard.readText()'), code, `${code} ${way}`);
    }
    t.strictSame(faults, []);
    await page.context().close();
  }
});

testWith(
  chromiumClient,
  'without a script the page says state and commands',
  async (t, command) => {
    const status = async () => ({
      state: 'error',
      healthy: false,
      reason: 'not serving: no credited noise source',
    });
    const url = await startBefore(t, { status });
    const browser = await startBrowser(command);
    const { page, faults } = await openPage(browser, url, { javaScriptEnabled: false });
    t.match(await read(page, '#state'), /^Error\n.*Reason no credited noise source/s);
    t.match(await read(page, 'header'), /does not update/);
    t.match(await read(page, '.calls'), `--endpoint-url ${url.slice(0, -1)}`);
    t.equal(await page.locator('button:visible').count(), 0);
    t.strictSame(faults, []);
  },
);

testWith(
  chromiumClient,
  'the page is as wide as its window, from 320 pixels on',
  async (t, command) => {
    const name = 'n'.repeat(200);
    const source = { name, state: 'failed', lastAlarm: name, path: `/dev/${name}` };
    const status = async () => ({ state: name, reason: name, sources: [source] });
    const url = await startBefore(t, { status });
    const browser = await startBrowser(command);
    const { page, faults } = await openPage(browser, url);
    await page.waitForSelector('.source');
    t.match(await read(page, '#state'), `Unknown: ${name}`);
    for (const width of [320, 768, 1440]) {
      await page.setViewportSize({ width, height: 900 });
      t.equal(await page.evaluate('document.documentElement.scrollWidth'), width);
    }
    t.strictSame(faults, []);
  },
);

testWith(chromiumClient, 'whatever the daemon says is text', async (t, command) => {
  const hostile = fc.oneof(
    fc.string(),
    fc.constantFrom(
      '</script><img src=x onerror="pwned = 1">',
      '"><svg onload="pwned = 1">',
      "javascript:pwned='1'",
      '<iframe srcdoc="<script>parent.pwned = 1</script>">',
      '{{calls}}',
      '__proto__',
      'constructor',
    ),
  );
  const model = fc.record({
    state: hostile,
    reason: hostile,
    sources: fc.array(
      fc.record({
        name: hostile,
        state: hostile,
        lastAlarm: hostile,
        path: hostile,
        bytes: fc.double(),
      }),
      { minLength: 1, maxLength: 3 },
    ),
    transitions: fc.array(fc.record({ time: hostile, state: hostile, reason: hostile })),
    errors: fc.dictionary(hostile, fc.double()),
    version: hostile,
    uptimeSeconds: fc.double(),
    serving: fc.record({ bounds: fc.array(fc.double()), buckets: fc.array(fc.double()) }),
  });
  const statuses = fc.sample(model, 300);
  const url = await startBefore(t, {
    status: async () => statuses.at(-1) ?? { state: '', reason: '' },
  });
  const browser = await startBrowser(command);
  const { page, faults } = await openPage(browser, url);
  await page.waitForSelector('.source');
  /** Elements that only text that became markup would make. */
  const made = 'main img, main iframe, main script, main svg[onload], body > img, body > script';
  // The answers that the page would get, one right after the other.
  const results = await page.evaluate(
    `(async () => {
      const made = ${JSON.stringify(made)};
      const { readStatus } = await import('/page/status.js');
      const { showSources } = await import('/page/sources.js');
      const [where, absent] = [document.createElement('div'), document.createElement('p')];
      document.querySelector('main').append(where, absent);
      return ${JSON.stringify(statuses)}.filter((body) => {
        const { sources } = readStatus(body);
        showSources(where, absent, sources);
        const shown = where.textContent + absent.textContent;
        return document.querySelector(made) || sources.some(({ name }) => !shown.includes(name));
      });
    })()`,
  );
  t.strictSame(results, []);
  // And the whole page, by its own polling.
  for (let i = 0; i < 3; i++) {
    await page.waitForResponse(/\/status$/);
    statuses.pop();
  }
  const state = statuses.at(-1)?.state ?? '';
  const title = `${state} – ${hostname()} – entropyd`.replace(/[\t\n\f\r ]+/g, ' ').trim();
  await until(async () => (await page.title()) === title, title);
  t.equal(await page.locator(made).count(), 0);
  t.equal(await page.evaluate('typeof pwned'), 'undefined');
  t.strictSame(faults, []);
});
