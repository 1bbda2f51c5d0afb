// Sections that ask the node again and again and keep the last answer when it does not come.
import {rpc} from '../api.js';
import {failed, h, loading} from '../dom.js';

const kPeriodMs = 4000;

// sections: [{title, method, params, draw(result) -> element}]; returns what ends it.
export function live(main, sections, periodMs = kPeriodMs) {
  let ended = false;
  const timers = new Set();
  const redo = [];
  for (const section of sections) {
    const hole = h('div', {}, loading()), stale = h('span', {class: 'note', hidden: true}, ' (not current: the node does not answer)');
    main.append(h('h2', {}, section.title, stale), hole);
    let drawn = false, text = '';
    const ask = async () => {
      try {
        const result = await rpc(section.method, section.params || {});
        if (ended) return;
        stale.hidden = true;
        const now = JSON.stringify(result);
        const busy = hole.contains(document.activeElement) && document.activeElement !== document.body;
        if (now !== text && !busy) {
          text = now;
          hole.replaceChildren(section.draw(result));
        }
        drawn = true;
      } catch (error) {
        if (ended) return;
        if (drawn) stale.hidden = false;
        else hole.replaceChildren(failed(error));
      }
    };
    redo.push(ask);
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
