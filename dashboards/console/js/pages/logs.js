// Lines of the node's log, the newest first.
import {failed, h, loading} from '../dom.js';
import {table} from '../table.js';

const kPeriodMs = 3000;

export function logs(main) {
  const level = h('select', {'aria-label': 'Level'}, ['info', 'warn', 'error'].map((name) => h('option', {value: name}, name)));
  const hole = h('div', {}, loading());
  main.append(h('h1', {}, 'Logs'), h('p', {class: 'actions'}, h('label', {}, 'From level ', level)), hole);
  let ended = false, timer = 0;
  async function draw() {
    clearTimeout(timer);
    try {
      const headers = {};
      const token = sessionStorage.getItem('token');
      if (token) headers.Authorization = `Bearer ${token}`;
      const response = await fetch(`/logs/search?limit=1000&level=${level.value}`, {headers});
      const body = await response.json();
      if (ended) return;
      if (!response.ok) throw new Error(body.error ? body.error.message : `HTTP ${response.status}`);
      hole.replaceChildren(table(body, {columns: ['ts', 'level', 'target', 'msg'], nothing: 'No line at this level yet.'}));
    } catch (error) {
      if (!ended) hole.replaceChildren(failed(error));
    }
    if (!ended) timer = setTimeout(draw, kPeriodMs);
  }
  level.addEventListener('change', draw);
  draw();
  return () => { ended = true; clearTimeout(timer); };
}
