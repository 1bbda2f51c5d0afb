// A long list of lines, the newest on top, of which only those are drawn that are seen.
import {h} from '../dom.js';

const kRowHeight = 24;
const kSpare = 12;

// make(item) -> element of one line; {element, draw(items)}; onopen(item) when a line is clicked or Enter is pressed on it.
export function lines(make, onopen) {
  const inner = h('div', {class: 'strip'}), box = h('div', {class: 'table rows lines', tabindex: '0', role: 'log'}, inner);
  let items = [], waiting = false;
  function paint() {
    waiting = false;
    const first = Math.max(0, Math.floor(box.scrollTop / kRowHeight) - kSpare), n = Math.ceil((box.clientHeight || 540) / kRowHeight) + 2 * kSpare;
    const part = h('div', {}, items.slice(first, first + n).map((item) => {
      const row = make(item);
      row.classList.add('line');
      row.tabIndex = 0;
      row.addEventListener('click', () => { if (!String(getSelection())) onopen(item); });
      row.addEventListener('keydown', (event) => { if (event.key === 'Enter') { event.preventDefault(); onopen(item); } });
      return row;
    }));
    part.style.transform = `translateY(${first * kRowHeight}px)`;
    inner.style.height = `${items.length * kRowHeight}px`;
    inner.replaceChildren(part);
  }
  const later = () => { if (!waiting) { waiting = true; requestAnimationFrame(paint); } };
  box.addEventListener('scroll', later, {passive: true});
  return {element: box, draw(next) {
    // Who has scrolled down reads: the lines stay where they are while new ones come above.
    if (box.scrollTop > 0 && next.length > items.length) box.scrollTop += (next.length - items.length) * kRowHeight;
    items = next;
    later();
  }};
}
