// The energy market: who delivers, how much, what waits and what is argued about.
import {discover} from '../api.js';
import {chart} from '../chart.js';
import {failed, h} from '../dom.js';
import {methodBox} from '../form.js';
import {table} from '../table.js';
import {listIn, live} from './live.js';

export function energy(main) {
  main.append(h('h1', {}, 'Energy market'));
  const charts = h('div', {class: 'charts'});
  const drawn = [chart('energy_kwh_traded_total', 'Load as it is settled, kWh'), chart('energy_settlements_total', 'Settlements'),
    chart('energy_pending_credits_total', 'Credits that wait'), chart('energy_active_disputes_total', 'Open disputes')];
  charts.append(...drawn.map((one) => one.element));
  main.append(charts);
  const forms = h('div');
  const rows = (nothing) => (result) => table(listIn(result), {nothing});
  const sections = live(main, [
    {title: 'Providers', method: 'energy.providers', draw: rows('No provider is registered: contract-cli energy register makes one.')},
    {title: 'Credits', method: 'energy.credits', params: {page_size: 100}, draw: rows('No credits: they come with the next reading.')},
    {title: 'Settlements', method: 'energy.receipts', params: {page_size: 100}, draw: rows('Nothing was settled yet.')},
    {title: 'Disputes', method: 'energy.disputes', params: {page_size: 100}, draw: rows('Nobody disputes a reading.')},
  ]);
  main.append(h('h2', {}, 'Do'), forms);
  discover().then(({byName}) => {
    forms.append(...['energy.settle', 'energy.flag_dispute', 'energy.resolve_dispute', 'energy.register_provider']
      .filter((name) => byName.has(name)).map((name) => methodBox(byName.get(name), {}, () => sections.again())));
  }, (error) => forms.append(failed(error)));
  return () => { sections.end(); drawn.forEach((one) => one.destroy()); };
}

