// A long list of lines, the newest on top, of which only those are drawn that are seen.
import {h} from '../dom.js';

const kRowHeight = 24;
const kSpare = 60;  // lines drawn above and below what is seen, as in table.js
const kNear = 30;   // and drawn anew when fewer are left

// make(item) -> element of one line; {element, draw(items)}; onopen(item) when a line is clicked or Enter is pressed on it.
export function lines(make, onopen) {
  const inner = h('div', {class: 'strip'}), box = h('div', {class: 'table rows lines', tabindex: '0', role: 'log'}, inner);
  let items = [], waiting = false, drawnFrom = 0, drawnTo = 0;
  function paint() {
    waiting = false;
    const top = Math.floor(box.scrollTop / kRowHeight), last = top + Math.ceil((box.clientHeight || 540) / kRowHeight);
    const first = drawnFrom = Math.max(0, top - kSpare);
    drawnTo = Math.min(items.length, last + kSpare);
    const part = h('div', {}, items.slice(first, drawnTo).map((item) => {
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
  box.addEventListener('scroll', () => {
    const top = Math.floor(box.scrollTop / kRowHeight), last = top + Math.ceil((box.clientHeight || 540) / kRowHeight);
    if ((drawnFrom > 0 && top - drawnFrom < kNear) || (drawnTo < items.length && drawnTo - last < kNear)) later();
  }, {passive: true});
  return {element: box, draw(next) {
    // Who has scrolled down reads: the lines stay where they are while new ones come above.
    if (box.scrollTop > 0 && next.length > items.length) box.scrollTop += (next.length - items.length) * kRowHeight;
    items = next;
    later();
  }};
}
