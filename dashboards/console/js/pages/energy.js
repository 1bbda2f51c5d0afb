// The energy market: who delivers, how much, what waits and what is argued about.
import {rpc} from '../api.js';
import {chart, pointsChart} from '../chart.js';
import {chip, figure, h, shortId} from '../dom.js';
import {methodBoxes, presetForm} from '../form.js';
import {facts, sheet} from '../sheet.js';
import {answer, table} from '../table.js';
import {listIn, live} from './live.js';

const kPage = 100;
const kFirstPages = 8;      // of credits, for the past of the load curve
const kMostReadings = 4000;  // that the curve keeps

const bar = (share) => {
  const fill = h('i');
  fill.style.width = `${Math.max(0, Math.min(1, share)) * 100}%`;
  return h('span', {class: 'bar', title: `${figure(share)}`}, fill);
};

const median = (list) => [...list].sort((a, b) => a - b)[list.length >> 1];

// What the meters delivered at each reading: their newest increases, added up. An increase that came after a longer pause
// than usual is spread over it, so that a late reading is no peak of the load.
function loadCurve() {
  const readings = new Map();
  const curve = pointsChart('Load curve', 'kWh in the usual time between two readings, all meters together, as their signed readings say', 'kWh');
  return {...curve, add(credits) {
    for (const credit of credits) readings.set(credit.meter_hash, [credit.reading_timestamp, credit.meter_address, Number(credit.amount_kwh)]);
    const all = [...readings].sort((a, b) => a[1][0] - b[1][0]);
    for (const [hash] of all.splice(0, Math.max(0, all.length - kMostReadings))) readings.delete(hash);
    const last = new Map(), gaps = all.map(([, [time, meter]]) => { const gap = time - last.get(meter); last.set(meter, time); return gap; });
    const usual = median(gaps.filter((gap) => gap > 0)) || 1, newest = new Map(), times = [], values = [];
    all.forEach(([, [time, meter, kwh]], i) => {
      newest.set(meter, kwh / Math.max(1, Math.round((gaps[i] || 0) / usual)));
      if (i + 1 < all.length && all[i + 1][1][0] === time) return;
      times.push(time);
      values.push([...newest.values()].reduce((a, b) => a + b, 0));
    });
    curve.update({times, lines: [{label: 'kWh', values}]});
  }};
}

const provider = (row, again) => sheet(`Provider ${row.provider_id}`, async () => {
  const now = (await rpc('energy.provider', {provider_id: row.provider_id}));
  return [answer(now.provider || now), await presetForm('energy.update_provider', {provider_id: row.provider_id}, again)];
});

const credit = (row, again) => sheet('Credit', async () => [
  facts([['status', chip(row.status)], ['provider', row.provider_id], ['meter', row.meter_address], ['kWh', figure(row.amount_kwh)], ['in block', figure(row.block_height)],
    ['expires at block', figure(row.expires_at_block)], ['meter hash', h('code', {}, row.meter_hash)]]),
  await presetForm('energy.settle', {provider_id: row.provider_id, kwh_consumed: row.amount_kwh, meter_hash: row.meter_hash, buyer: 'self'}, again),
  await presetForm('energy.flag_dispute', {meter_hash: row.meter_hash}, again)]);

const dispute = (row, again) => sheet(`Dispute ${row.id}`, async (refill) => {
  const now = (await rpc('energy.dispute_show', {id: row.id}));
  const one = now.dispute || now;
  return [answer(one), one.status === 'open' ? await presetForm('energy.resolve_dispute', {dispute_id: row.id}, () => { refill(); again(); }) : null];
});

export function energy(main) {
  const curve = loadCurve(), numbers = h('div', {class: 'cards'}), charts = h('div', {class: 'charts'});
  const drawn = [curve, chart('energy_kwh_traded_total', 'Settled kWh'), chart('energy_settlements_total', 'Settlements'), chart('energy_pending_credits_total', 'Credits that wait'),
    chart('energy_active_disputes_total', 'Open disputes')];
  curve.element.classList.add('whole');
  charts.append(...drawn.map((one) => one.element));
  main.append(h('h1', {}, 'Energy market'), numbers, charts);
  const card = (name, value) => h('div', {class: 'card'}, h('div', {class: 'name'}, name), h('div', {class: 'value'}, value));
  const total = (result) => figure(result.total);
  const again = () => sections.again();
  const sections = live(main, [
    {title: 'Providers', method: 'energy.providers', count: total, draw: (result) => table(listIn(result), {
      nothing: 'No provider is registered. `contract-cli energy register` makes one, or the form below.', onrow: (row) => provider(row, again), columns: [
        {key: 'provider_id', title: 'provider'}, {key: 'status'}, {key: 'jurisdiction', title: 'where'}, {key: 'price_per_kwh', title: 'price / kWh'},
        {key: 'total_delivered_kwh', title: 'delivered kWh'}, {key: 'pending_credits', title: 'credits'}, {key: 'open_disputes', title: 'disputes'}, {key: 'staked_balance', title: 'stake'},
        {key: 'reputation_score', title: 'reputation', show: (value) => bar(value)}]}), seen: (result) => {
      const list = listIn(result), sum = (name) => list.reduce((all, one) => all + Number(one[name] || 0), 0);
      numbers.replaceChildren(card('Providers', figure(result.total)), card('Delivered', `${figure(sum('total_delivered_kwh'))} kWh`), card('Credits that wait', figure(sum('pending_credits'))),
        card('Open disputes', figure(sum('open_disputes'))), card('Stake', figure(sum('staked_balance'))));
    }},
    {title: 'Disputes', method: 'energy.disputes', params: {page_size: kPage}, count: total, draw: (result) => table(listIn(result), {nothing: 'Nobody disputes a reading. Open a credit below to begin a dispute.',
      onrow: (row) => dispute(row, again), columns: ['id', 'status', {key: 'provider_id', title: 'provider'}, {key: 'reason', text: true}, 'reporter', {key: 'opened_time', title: 'opened'}, 'outcome', {key: 'meter_hash', show: (v) => shortId(v)}]})},
    {title: 'Credits', method: 'energy.credits', params: {page_size: kPage}, count: total, seen: (result) => curve.add(listIn(result)), draw: (result) => table(listIn(result), {nothing: 'No credits: they come with the next reading.',
      onrow: (row) => credit(row, again), height: '22rem', columns: [{key: 'block_height', title: 'block'}, {key: 'provider_id', title: 'provider'}, {key: 'meter_address', title: 'meter'}, {key: 'amount_kwh', title: 'kWh'}, 'status',
        {key: 'expires_at_block', title: 'expires at block'}, {key: 'meter_hash', show: (v) => shortId(v)}]})},
    {title: 'Settlements', method: 'energy.receipts', params: {page_size: kPage}, count: total, draw: (result) => table(listIn(result), {nothing: 'Nothing was settled yet.', height: '22rem',
      onrow: (row) => sheet(`Settlement ${row.seq}`, async () => answer(row)), columns: [{key: 'block_settled', title: 'block'}, {key: 'seller'}, {key: 'kwh_delivered', title: 'kWh'}, {key: 'price_paid', title: 'paid'}, {key: 'treasury_fee', title: 'fee'},
        {key: 'slash_applied', title: 'slashed'}, {key: 'buyer', show: (v) => shortId(v)}]})},
  ]);
  (async () => {
    for (let page = 1; page < kFirstPages && curve.element.isConnected; page++) {
      const list = listIn(await rpc('energy.credits', {page_size: kPage, page}));
      curve.add(list);
      if (list.length < kPage) break;
    }
  })().catch(() => { /* the section above says what is wrong */ });
  main.append(h('h2', {}, 'Do'), methodBoxes(['energy.settle', 'energy.flag_dispute', 'energy.resolve_dispute', 'energy.register_provider', 'energy.submit_reading'], again));
  return () => { sections.end(); drawn.forEach((one) => one.destroy()); };
}
