// Plugins of this node and what can be done with them.
import {whoami} from '../api.js';
import {chip, figure, h, shortId} from '../dom.js';
import {methodBoxes, presetForm} from '../form.js';
import {facts, sheet} from '../sheet.js';
import {table} from '../table.js';
import {live} from './live.js';

const kPeriodMs = 1000;

const state = (p) => (p.migration ? `migrating, ${figure(p.migration.rows ?? 0)} rows` : p.state);
const text = (value) => (value && typeof value === 'object' ? JSON.stringify(value) : value);

const open = (p, again) => sheet(`Plugin ${p.id}`, async () => [
  facts([['state', chip(p.state)], ['version', p.version], ['rules (sm), schema', `${p.sm}, ${p.schema}`], ['since block', figure(p.since_height)], ['signature', p.signature], ['isolation', p.isolation], ['process', text(p.process)],
    ['file', h('code', {}, p.file)], ['blake3', p.blake3 ? shortId(p.blake3) : null], ['held by', text(p.held_by)], ['rows, cursor of its migration', text(p.migration)], ['error', p.error ? h('span', {class: 'error'}, p.error) : null]]),
  h('p', {class: 'actions'}, h('a', {href: `#/plugin/${encodeURIComponent(p.id)}`}, 'Its metrics and methods')),
  await presetForm('plugin.reload', {name: p.id, path: p.file}, again), await presetForm('plugin.unload', {id: p.id}, again)]);

export function plugins(main) {
  const note = h('p', {class: 'note', id: 'plugin-role'}, 'Asking who you are…');
  main.append(h('h1', {}, 'Plugins'), note);
  const again = () => sections.again();
  const sections = live(main, [{title: 'On this node', method: 'plugin.list', draw: (list) => table(list, {onrow: (row) => open(row, again), columns: ['id', 'version', {key: 'state', show: (value, p) => chip(state(p), p.error ? 'bad' : undefined)},
    {key: 'sm', title: 'rules (sm)'}, 'schema', {key: 'since_height', title: 'since block'}, {key: 'signature', show: (value) => chip(value, value === 'valid' ? 'good' : 'plain')}, 'isolation',
    {key: 'calls_in_flight', title: 'calls'}, {key: 'blake3', title: 'image', show: (value) => shortId(value || '–', 6)}, {key: 'error', text: true}]})}], kPeriodMs);
  main.append(h('h2', {}, 'Do'), methodBoxes(['plugin.reload', 'plugin.upgrade', 'plugin.stage', 'plugin.load', 'plugin.unload', 'plugin.prune'], again));
  whoami().then((me) => {
    note.replaceChildren(...(me.role === 'admin' ? ['You are ', chip('admin', 'good'), ': you may change plugins. A row opens what can be done with it.']
      : ['You are ', chip(me.role, 'warn'), ': plugins are changed by admin. Log in with such a token (key ', h('kbd', {}, 'l'), ').']));
  }, (error) => { note.textContent = error.message; });
  return () => sections.end();
}
