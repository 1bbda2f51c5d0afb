// Money of the treasury: what it has, what was promised, how far each promise is.
import {discover, rpc} from '../api.js';
import {chart} from '../chart.js';
import {failed, h, loading} from '../dom.js';
import {methodBox} from '../form.js';
import {answer, table} from '../table.js';
import {listIn, live} from './live.js';

export function treasury(main) {
  main.append(h('h1', {}, 'Treasury'));
  const charts = h('div', {class: 'charts'}), detail = h('div'), forms = h('div');
  const drawn = [chart('treasury_balance', 'Balance'), chart('treasury_disbursement_backlog', 'Backlog')];
  charts.append(...drawn.map((one) => one.element));
  main.append(charts);
  async function open(row) {
    detail.replaceChildren(h('h2', {}, `Disbursement ${row.id}`), loading());
    try {
      detail.replaceChildren(h('h2', {}, `Disbursement ${row.id}`), answer(await rpc('gov.treasury.disbursement', {id: row.id})));
    } catch (error) {
      detail.replaceChildren(h('h2', {}, `Disbursement ${row.id}`), failed(error));
    }
    detail.scrollIntoView({block: 'nearest'});
  }
  const sections = live(main, [
    {title: 'Balance', method: 'gov.treasury.balance', draw: answer},
    {title: 'Disbursements', method: 'gov.treasury.disbursements', draw: (result) => table(listIn(result), {nothing: 'Nothing was promised yet.', onrow: open})},
    {title: 'Executor', method: 'gov.treasury.executor', draw: answer},
  ]);
  main.append(detail, h('h2', {}, 'Do'), forms);
  discover().then(({byName}) => {
    forms.append(...['gov.treasury.submit_disbursement', 'gov.treasury.vote', 'gov.treasury.rollback_disbursement'].filter((name) => byName.has(name))
      .map((name) => methodBox(byName.get(name), {}, () => sections.again())));
  }, (error) => forms.append(failed(error)));
  return () => { sections.end(); drawn.forEach((one) => one.destroy()); };
}
