/** Buttons that copy the command above them. */
import { byId, setText } from './dom.js';

/** How long a button says what it did, ms. */
const saidMs = 2_000;

/**
 * Copies an element's text. Without the Clipboard API, as on plain HTTP under a name, the text is
 * selected and copied as a person would do it.
 * @param {Element} source
 * @returns {Promise<boolean>} false: it is selected, and no more
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

/** Shows the buttons, which do nothing without a script. */
export function enableCopying() {
  for (const button of document.querySelectorAll('[data-copy]')) {
    const source = button.parentElement?.querySelector('code');
    if (!(button instanceof HTMLElement) || !source) continue;
    button.hidden = false;
    button.addEventListener('click', async () => {
      const said = (await copy(source)) ? 'Copied' : 'Selected: copy it by hand';
      setText(button, said);
      setText(byId('copied'), said);
      setTimeout(() => {
        setText(button, 'Copy');
        setText(byId('copied'), '');
      }, saidMs);
    });
  }
}
