// Events of committed blocks as they come.
import {subscribe} from '../api.js';
import {chip, clock, figure, h} from '../dom.js';
import {facts, sheet} from '../sheet.js';
import {answer} from '../table.js';
import {lines} from './lines.js';

const kKept = 10000;

const open = (event) => sheet(event.topic, () => [facts([['block', figure(event.height)], ['when', clock(event.time_ms)], ['cursor', h('code', {}, event.cursor)]]), h('h3', {}, 'Data'), answer(event.data ?? {})]);

export function events(main) {
  let kept = [], paused = false, stop = null;
  const from = h('select', {'aria-label': 'From'}, h('option', {value: 'head'}, 'from now'), h('option', {value: 'start'}, 'from the beginning'));
  const filter = h('input', {type: 'search', placeholder: 'all topics, or energy.*, gov.*', 'aria-label': 'Topics'});
  const count = h('span', {class: 'note', role: 'status'}), connection = h('span');
  const pause = h('button', {type: 'button', class: 'quiet', 'aria-pressed': 'false', onclick: () => { paused = !paused; pause.textContent = paused ? 'Go on' : 'Pause'; pause.setAttribute('aria-pressed', String(paused)); draw(); }}, 'Pause');
  const list = lines((event) => (event.gap ? h('div', {class: 'warn'}, `Blocks ${event.gap.from} to ${event.gap.to} are no longer here.`)
    : h('div', {title: JSON.stringify(event.data ?? {})}, h('span', {class: 'note'}, `${clock(event.time_ms)} #${event.height} `), h('strong', {}, event.topic), ` ${JSON.stringify(event.data ?? {})}`)), open);
  main.append(h('h1', {}, 'Events'), h('form', {class: 'actions', onsubmit: (event) => { event.preventDefault(); begin(); }},
    filter, from, h('button', {type: 'submit'}, 'Watch'), pause, connection, count), list.element);
  let waiting = false, shownCount = 0;
  function draw() {
    waiting = false;
    count.textContent = kept.length ? `${figure(kept.length)} events${kept.length === kKept ? ', the newest' : ''}${paused ? `, ${figure(kept.length - shownCount)} since the pause` : ''}` : 'Waiting for the first event…';
    if (paused) return;
    shownCount = kept.length;
    list.draw(kept.slice());
  }
  function begin() {
    if (stop) stop();
    kept = [];
    draw();
    stop = subscribe((filter.value.trim() || '*').split(/[ ,]+/), from.value, (event) => {
      kept.unshift(event);
      if (kept.length > kKept) kept.length = kKept;
      if (!waiting) { waiting = true; requestAnimationFrame(draw); }
    }, (state) => connection.replaceChildren(state === 'open' ? chip('connected', 'good') : state === 'closed' ? chip('stale: connecting again', 'bad') : chip(state, 'bad')));
  }
  begin();
  return () => { if (stop) stop(); };
}
