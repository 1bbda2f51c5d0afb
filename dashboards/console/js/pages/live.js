// Sections that ask the node again and again and keep the last answer when it does not come.
import {rpc} from '../api.js';
import {failed, h, loading, span} from '../dom.js';

const kPeriodMs = 4000;

// Puts `next` into the hole; what was scrolled or focused stays so.
function exchange(hole, next) {
  const before = [...hole.querySelectorAll('.table')].map((box) => box.scrollTop);
  const focused = [...hole.querySelectorAll('tr.link')].indexOf(document.activeElement);
  hole.replaceChildren(next);
  hole.querySelectorAll('.table').forEach((box, i) => { if (before[i]) box.scrollTop = before[i]; });
  if (focused >= 0) hole.querySelectorAll('tr.link')[focused]?.focus({preventScroll: true});
}

// Somebody types into it or has marked text in it: not the moment to exchange it.
function busy(hole) {
  const active = document.activeElement, selection = getSelection();
  return (hole.contains(active) && ['INPUT', 'TEXTAREA', 'SELECT'].includes(active.tagName) && active.value !== '') ||
    (!selection.isCollapsed && hole.contains(selection.anchorNode)) || [...hole.querySelectorAll('input[type=search]')].some((field) => field.value !== '');
}

// sections: [{title, method, params, draw(result) -> element, seen(result)}]; {end, again}.
export function live(main, sections, periodMs = kPeriodMs) {
  let ended = false;
  const timers = new Set(), redo = [];
  for (const section of sections) {
    const hole = h('div', {}, loading()), stale = h('span', {class: 'stale-mark', hidden: true}), count = h('span', {class: 'count'});
    main.append(h('section', {}, section.title ? h('h2', {}, section.title, ' ', count, stale) : stale, hole));
    let drawn = 0, text = '';
    const ask = async (force = false) => {
      try {
        const result = await rpc(section.method, section.params || {});
        if (ended) return;
        stale.hidden = true;
        if (section.seen) section.seen(result);
        const now = JSON.stringify(section.key ? section.key(result) : result);
        if ((now !== text || !drawn) && (force || !busy(hole))) {
          text = now;
          exchange(hole, section.draw(result));
          count.textContent = section.count ? section.count(result) : '';
        }
        drawn = Date.now();
      } catch (error) {
        if (ended) return;
        if (!drawn) return hole.replaceChildren(failed(error));
        stale.hidden = false;
        stale.textContent = `${span((Date.now() - drawn) / 1000)} old: ${error.cause ? 'the node does not answer' : error.message}`;
      }
    };
    redo.push(() => ask(true));
    const again = async () => {
      if (!document.hidden) await ask();
      if (ended) return;
      const timer = setTimeout(() => { timers.delete(timer); again(); }, periodMs);
      timers.add(timer);
    };
    again();
  }
  return {end() { ended = true; timers.forEach(clearTimeout); }, again() { redo.forEach((ask) => ask()); }};
}

// The first list in an answer, whatever it is called.
export function listIn(result) {
  if (Array.isArray(result)) return result;
  const lists = Object.values(result || {}).filter(Array.isArray);
  return lists.find((list) => list.length && typeof list[0] === 'object') || (lists.every((list) => !list.length) ? [] : lists.flat().map((value) => ({value})));
}
