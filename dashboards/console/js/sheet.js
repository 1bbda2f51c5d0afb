// One thing in detail: a dialog at the side, over the page on a phone. Escape or a click beside it closes it.
import {failed, h, loading} from './dom.js';

let opened = null;

// fill(body, again) puts the content; again() fills it anew after something was changed.
export function sheet(title, fill) {
  if (opened) opened.close();
  const body = h('div', {class: 'sheet-body'}, loading());
  const box = h('dialog', {class: 'sheet', 'aria-label': title},
    h('div', {class: 'sheet-head'}, h('h2', {}, title), h('button', {type: 'button', class: 'quiet', 'aria-label': 'Close', onclick: () => box.close()}, '✕')), body);
  const again = async () => {
    try {
      const content = await fill(again);
      if (box.isConnected) body.replaceChildren(...[content].flat(Infinity).filter(Boolean));
    } catch (error) {
      body.replaceChildren(failed(error));
    }
  };
  box.addEventListener('click', (event) => { if (event.target === box) box.close(); });
  box.addEventListener('close', () => { box.remove(); if (opened === box) opened = null; });
  document.body.append(box);
  opened = box;
  box.showModal();
  again();
  return box;
}

export function closeSheet() { if (opened) opened.close(); }

// Name and value, one below the other.
export const facts = (pairs) => h('dl', {}, pairs.filter(([, value]) => value !== undefined && value !== null && value !== '')
  .map(([name, value]) => [h('dt', {}, name), h('dd', {}, value)]));
