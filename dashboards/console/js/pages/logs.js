// Lines of the node's log, the newest first.
import {rpc, whoami} from '../api.js';
import {chip, clock, dateTime, failed, figure, h, loading} from '../dom.js';
import {facts, sheet} from '../sheet.js';
import {lines} from './lines.js';

const kPeriodMs = 2000;
const kFirst = 1000;
const kKept = 10000;

const open = (line) => sheet(`Line ${line.id}`, () => [facts([['when', dateTime(line.ts)], ['level', chip(line.level)], ['target', line.target], ['command', line.tx], ['block', line.block], ['correlation', line.correlation], ['peer', line.peer]]),
  h('h3', {}, 'Text'), h('pre', {class: 'wrapped'}, line.msg)]);

export function logs(main) {
  const level = h('select', {'aria-label': 'Level'}, ['info', 'warn', 'error'].map((name) => h('option', {value: name}, name)));
  const filter = h('input', {type: 'search', placeholder: 'text, target, hash', 'aria-label': 'Text'});
  const count = h('span', {class: 'note', role: 'status'}), hole = h('div', {}, loading()), stale = h('span', {class: 'stale-mark', hidden: true});
  const list = lines((line) => h('div', {class: line.level === 'error' ? 'error' : line.level === 'warn' ? 'warn' : ''}, h('span', {class: 'note'}, `${clock(line.ts)} ${line.target} `), line.msg), open);
  main.append(h('h1', {}, 'Logs'), h('p', {class: 'actions'}, h('label', {}, 'From level ', level), filter, count, stale), hole);
  let ended = false, timer = 0, kept = [], begun = 0;
  function draw() {
    const words = filter.value.toLowerCase().split(/\s+/).filter(Boolean);
    const seen = words.length ? kept.filter((line) => { const text = `${line.target} ${line.msg}`.toLowerCase(); return words.every((word) => text.includes(word)); }) : kept;
    count.textContent = `${figure(seen.length)}${seen.length === kept.length ? '' : ` of ${figure(kept.length)}`} lines${kept.length >= kKept ? ', the newest' : ''}`;
    if (!list.element.isConnected) hole.replaceChildren(list.element);
    list.draw(seen);
  }
  async function ask(run) {
    try {
      const params = kept.length ? {level: level.value, limit: kFirst, after_id: kept[0].id} : {level: level.value, limit: kFirst};
      if (!document.hidden) {
        const more = await rpc('logs.search', params);
        if (ended || run !== begun) return;
        stale.hidden = true;
        if (more.length || !kept.length) {
          kept = [...more.reverse(), ...kept].slice(0, kKept);
          draw();
        }
      }
    } catch (error) {
      if (ended || run !== begun) return;
      if (!kept.length) hole.replaceChildren(failed(error));
      stale.hidden = false;
      stale.textContent = 'not current: the node does not answer';
    }
    if (!ended && run === begun) timer = setTimeout(() => ask(run), kPeriodMs);
  }
  function begin() {
    clearTimeout(timer);
    kept = [];
    begun++;
    ask(begun);
  }
  level.addEventListener('change', begin);
  filter.addEventListener('input', draw);
  whoami().then((me) => {
    if (ended) return;
    if (['operator', 'admin'].includes(me.role)) begin();
    else hole.replaceChildren(h('p', {}, 'You are ', chip(me.role, 'warn'), ': logs are shown to operator and admin. Log in with such a token (key ', h('kbd', {}, 'l'), ').'));
  }, (error) => hole.replaceChildren(failed(error)));
  return () => { ended = true; clearTimeout(timer); };
}
