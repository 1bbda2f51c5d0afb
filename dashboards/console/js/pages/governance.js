// Proposals from draft to activation, parameters with their history, scripts and what changed in them.
import {discover, rpc} from '../api.js';
import {diffLines} from '../diff.js';
import {failed, h, loading} from '../dom.js';
import {methodBox} from '../form.js';
import {answer, table} from '../table.js';
import {listIn, live} from './live.js';

export function governance(main) {
  main.append(h('h1', {}, 'Governance'));
  const detail = h('div'), forms = h('div');
  async function open(method, params, title) {
    detail.replaceChildren(h('h2', {}, title), loading());
    try {
      detail.replaceChildren(h('h2', {}, title), answer(await rpc(method, params)));
    } catch (error) {
      detail.replaceChildren(h('h2', {}, title), failed(error));
    }
    detail.scrollIntoView({block: 'nearest'});
  }
  async function openScript(row) {
    const name = row.name || row.id;
    detail.replaceChildren(h('h2', {}, name), loading());
    try {
      const script = await rpc('gov.script', {name});
      const texts = (script.versions || script.history || []).map((version) => version.source).filter(Boolean);
      const now = script.source || texts.at(-1) || '', before = texts.length > 1 ? texts.at(-2) : '';
      detail.replaceChildren(h('h2', {}, name), before ? diffLines(before, now) : h('pre', {}, now || JSON.stringify(script, null, 2)));
    } catch (error) {
      detail.replaceChildren(h('h2', {}, name), failed(error));
    }
  }
  const sections = live(main, [
    {title: 'Proposals', method: 'gov.list', draw: (result) => table(listIn(result), {nothing: 'No proposal: contract-cli gov propose makes one.',
      onrow: (row) => open('gov.proposal', {id: row.id}, `Proposal ${row.id}`)})},
    {title: 'Parameters', method: 'gov.params', draw: (result) => table(Object.entries(result.params || {}).map(([key, value]) => ({key, value})), {columns: ['key', 'value'],
      onrow: (row) => open('gov.param_history', {key: row.key}, `History of ${row.key}`)})},
    {title: 'Scripts', method: 'gov.scripts', draw: (result) => table(listIn(result), {nothing: 'No script is in force.', onrow: openScript})},
  ]);
  main.append(detail, h('h2', {}, 'Do'), forms);
  discover().then(({byName}) => {
    forms.append(...['gov.propose', 'gov.vote', 'gov.propose_script', 'gov.rollback'].filter((name) => byName.has(name))
      .map((name) => methodBox(byName.get(name), {}, () => sections.again())));
  }, (error) => forms.append(failed(error)));
  return () => sections.end();
}
