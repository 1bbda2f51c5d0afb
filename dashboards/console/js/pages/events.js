// Events of committed blocks as they come.
import {subscribe} from '../api.js';
import {h} from '../dom.js';

const kKept = 10000;
const kRowHeight = 22;

export function events(main) {
  const lines = [];
  let paused = false, stop = null, wanted = '*', dirty = false;
  const filter = h('input', {type: 'search', placeholder: 'topic, such as energy.*', 'aria-label': 'Topics', value: ''});
  const pause = h('button', {type: 'button', class: 'quiet', onclick: () => { paused = !paused; pause.textContent = paused ? 'Go on' : 'Pause'; draw(); }}, 'Pause');
  const count = h('span', {class: 'note'});
  const box = h('div', {class: 'table rows lines', tabindex: '0'}), inner = h('div');
  box.append(inner);
  main.append(h('h1', {}, 'Events'), h('form', {class: 'actions', onsubmit: (event) => { event.preventDefault(); begin(filter.value.trim() || '*'); }},
    filter, h('button', {type: 'submit'}, 'Watch'), pause, count), box);
  function draw() {
    dirty = false;
    count.textContent = lines.length ? `${lines.length} events${lines.length === kKept ? ' (the newest)' : ''}` : 'Waiting for the first event…';
    const first = Math.max(0, Math.floor(box.scrollTop / kRowHeight) - 10), n = Math.ceil((box.clientHeight || 540) / kRowHeight) + 20;
    const part = h('div', {}, lines.slice(first, first + n).map((line) => Object.assign(h('div', {title: line}, line), {className: 'note-line'})));
    part.style.transform = `translateY(${first * kRowHeight}px)`;
    for (const row of part.children) { row.style.height = `${kRowHeight}px`; row.style.whiteSpace = 'nowrap'; row.style.paddingLeft = '.6rem'; }
    inner.style.height = `${lines.length * kRowHeight}px`;
    inner.replaceChildren(part);
  }
  function later() {
    if (dirty) return;
    dirty = true;
    requestAnimationFrame(draw);
  }
  function begin(topics) {
    if (stop) stop();
    wanted = topics;
    lines.length = 0;
    draw();
    stop = subscribe(wanted.split(/[ ,]+/), 'head', (event) => {
      lines.unshift(event.gap ? `gap: blocks ${event.gap.from} to ${event.gap.to} are no longer here`
        : `${event.cursor || event.height}  ${event.topic}  ${JSON.stringify(event.data ?? {})}`);
      if (lines.length > kKept) lines.length = kKept;
      if (!paused) later();
    });
  }
  box.addEventListener('scroll', later, {passive: true});
  begin('*');
  return () => { if (stop) stop(); };
}
