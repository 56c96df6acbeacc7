/** The report of `entropyctl assess` in a browser, from its own file: shown, printed, and nothing loaded. */
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { temporaryFolder } from '../../support/paths.js';
import { run } from '../../support/program.js';
import { until } from '../../support/until.js';
import { chromiumClient, openPage, read, startBrowser, violations } from './browser.js';
import { testWith } from './installed.js';

testWith(chromiumClient, 'a report is shown and printed, and loads nothing', async (t, command) => {
  const folder = join(temporaryFolder(), 'report');
  const socket = join(temporaryFolder(), 'none.sock');
  const args = ['getrandom', '--samples', '20000', '--restarts', '100x100', '--socket', socket];
  const made = await run(t, 'entropyctl', ['assess', ...args, '--report', folder]);
  t.strictSame([made.status, made.stderr], [0, '']);
  const url = pathToFileURL(join(folder, 'report.html')).href;
  const { page, faults, requests } = await openPage(await startBrowser(command), url);
  t.match(await read(page, '.result'), /^Min-entropy: \d\.\d{6} bits per sample of 8 bits$/);
  t.equal(await page.locator('svg').count(), 5);
  t.equal(await page.locator('section').count(), 10);
  // Drawn, not only there.
  const box = await page.locator('svg .data').first().boundingBox();
  t.ok(box !== null && box.width > 100 && box.height > 20, JSON.stringify(box));
  t.strictSame(await violations(page), []);
  const printed = await page.pdf({ format: 'A4' });
  t.equal(printed.subarray(0, 5).toString(), '%PDF-');
  await page.setViewportSize({ width: 360, height: 800 });
  // A busy browser takes the new size some frames later.
  const isFitted = 'document.documentElement.scrollWidth <= 360 && innerWidth === 360';
  await until(() => page.evaluate(isFitted), 'a small screen that needs no scrolling aside');
  t.strictSame(requests, [url], 'its own file alone');
  t.strictSame(faults, []);
});
