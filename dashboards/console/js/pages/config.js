// What is in force and where it comes from; generations and what each changed.
import {discover, rpc} from '../api.js';
import {failed, h, loading} from '../dom.js';
import {methodBox} from '../form.js';
import {answer, table} from '../table.js';
import {listIn, live} from './live.js';

function rowsOf(result) {
  if (Array.isArray(result)) return result;
  const values = result.values || result.keys || result;
  if (Array.isArray(values)) return values;
  return Object.entries(values).map(([key, entry]) => (entry && typeof entry === 'object' && 'value' in entry
    ? {key, value: typeof entry.value === 'object' ? JSON.stringify(entry.value) : String(entry.value), source: entry.source}
    : {key, value: typeof entry === 'object' ? JSON.stringify(entry) : String(entry)}));
}

export function config(main) {
  main.append(h('h1', {}, 'Configuration'));
  const detail = h('div'), forms = h('div');
  const sections = live(main, [
    {title: 'In force', method: 'config.show', draw: (result) => table(rowsOf(result))},
    {title: 'Generations', method: 'config.history', draw: (result) => table(listIn(result), {onrow: async (row) => {
      const number = row.generation ?? row.number;
      detail.replaceChildren(h('h2', {}, `What generation ${number} changed`), loading());
      try {
        detail.replaceChildren(h('h2', {}, `What generation ${number} changed`), answer(await rpc('config.diff', {b: number})));
      } catch (error) {
        detail.replaceChildren(failed(error));
      }
    }})},
  ]);
  main.append(detail, h('h2', {}, 'Do'), forms);
  discover().then(({byName}) => forms.append(...['config.reload', 'config.rollback'].filter((name) => byName.has(name))
    .map((name) => methodBox(byName.get(name), {}, () => sections.again()))), (error) => forms.append(failed(error)));
  return () => sections.end();
}
