/** Buttons that copy the command above them. */
import { byId, setText } from './dom.js';

/** How long a button shows what it did, ms. */
const saidMs = 2_000;

/**
 * Copies an element's text. Browsers lack the Clipboard API on plain HTTP under a host name; the text is
 * then selected and copied by the old command.
 * @param {Element} source
 * @returns {Promise<boolean>} false: the text is only selected
 */
async function copy(source) {
  try {
    await navigator.clipboard.writeText(source.textContent ?? '');
    return true;
  } catch {
    getSelection()?.selectAllChildren(source);
    return document.execCommand('copy');
  }
}

/** Shows the buttons, which are hidden where no script runs. */
export function enableCopying() {
  for (const button of document.querySelectorAll('[data-copy]')) {
    const source = button.parentElement?.querySelector('code');
    if (!(button instanceof HTMLElement) || !source) continue;
    button.hidden = false;
    button.addEventListener('click', async () => {
      const said = (await copy(source)) ? 'Copied' : 'Selected; copy it manually';
      setText(button, said);
      setText(byId('copied'), said);
      setTimeout(() => {
        setText(button, 'Copy');
        setText(byId('copied'), '');
      }, saidMs);
    });
  }
}
