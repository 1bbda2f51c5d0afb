// What is in force and where it comes from; generations and what each changed.
import {rpc, whoami} from '../api.js';
import {chip, empty, h, loading, when} from '../dom.js';
import {methodBoxes, presetForm} from '../form.js';
import {facts, sheet} from '../sheet.js';
import {table} from '../table.js';
import {live} from './live.js';

const text = (value) => (value === null || value === undefined ? '' : typeof value === 'object' ? JSON.stringify(value) : String(value));
const rowsOf = (result) => Object.entries(result).map(([key, one]) => ({key, ...one, value: text(one.value), default: text(one.default)}));

const openKey = (row) => sheet(row.key, () => facts([['value', h('code', {}, row.value || '(empty)')], ['unit', row.unit], ['means', row.help], ['from', row.source], ['where', row.origin], ['default', h('code', {}, row.default || '(empty)')],
  ['a change counts', {yes: 'at the next reload', genesis: 'only for a new chain', restart: 'after a restart'}[row.reload] || row.reload]]));

function differences(result) {
  return result.differences.length ? table(result.differences, {}) : empty('These two are the same.');
}

const openGeneration = (row, again) => sheet(`Generation ${row.generation}`, async () => {
  const changed = row.generation > 1 ? await rpc('config.diff', {a: row.generation - 1, b: row.generation}) : null, now = await rpc('config.diff', {a: row.generation});
  return [facts([['taken over', when(row.unix_ms)], ['by', row.source], ['keys', (row.changed || []).join(', ')]]),
    h('h3', {}, 'What it changed'), changed ? differences(changed) : empty('It is the first: the node started with it.'),
    h('h3', {}, 'Against what is in force now'), differences(now), await presetForm('config.rollback', {generation: row.generation}, again)];
});

export function config(main) {
  main.append(h('h1', {}, 'Configuration'));
  const hole = h('div', {}, loading());
  main.append(hole);
  let sections = null, ended = false;
  whoami().then((me) => {
    if (ended) return;
    hole.replaceChildren();
    if (me.role !== 'admin') return hole.append(h('p', {}, 'You are ', chip(me.role, 'warn'), '. The configuration is shown to admin alone, since it names files and keys. Log in with such a token (key ', h('kbd', {}, 'l'), '), or use ', h('code', {}, 'contract-cli config show'), ' on the machine.'));
    const again = () => sections.again();
    sections = live(hole, [
      {title: 'Generations', method: 'config.history', draw: (result) => table([...result.generations].reverse(), {height: '16rem', onrow: (row) => openGeneration(row, again), columns: [{key: 'generation', text: true}, {key: 'unix_ms', title: 'taken over', show: (value) => when(value)},
        {key: 'source', title: 'by'}, {key: 'changed', text: true, show: (list) => (list.length ? list.join(', ') : '–')}]})},
      {title: 'In force', method: 'config.show', draw: (result) => table(rowsOf(result), {filter: true, height: '40rem', onrow: openKey, columns: ['key', {key: 'value', text: true}, {key: 'source', show: (value) => chip(value, value === 'default' ? 'plain' : 'good')}, {key: 'help', text: true}]})},
    ]);
    hole.append(h('h2', {}, 'Do'), methodBoxes(['config.reload', 'config.rollback', 'config.diff'], again));
  }, (error) => hole.replaceChildren(empty(error.message)));
  return () => { ended = true; if (sections) sections.end(); };
}
