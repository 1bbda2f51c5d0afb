// Money of the treasury: what it has, what was promised, how far each promise is.
import {rpc} from '../api.js';
import {chart, pointsChart} from '../chart.js';
import {chip, figure, h, shortId, when} from '../dom.js';
import {methodBoxes, presetForm} from '../form.js';
import {facts, sheet} from '../sheet.js';
import {table} from '../table.js';
import {listIn, live} from './live.js';
import {ballot, ballots, timeline} from './steps.js';

const kWay = ['draft', 'voting', 'queued', 'timelocked', 'executed', 'finalized'];
const kSnapshots = 200;

function steps(one) {
  const behind = one.timeline.map((entry, i) => ({name: entry.state, done: true, now: i === one.timeline.length - 1, bad: ['rolled_back', 'rejected'].includes(entry.state),
    at: entry.at * 1000, height: entry.height, epoch: entry.epoch, who: entry.actor}));
  const at = kWay.indexOf(one.status.state);
  return timeline([...behind, ...(at < 0 ? [] : kWay.slice(at + 1).map((name) => ({name})))]);
}

const open = (row, changed) => sheet(`Disbursement ${row.id}`, async (refill) => {
  const answer = await rpc('gov.treasury.disbursement', {id: row.id}), one = answer.disbursement || answer;
  const again = () => { refill(); changed(); };
  const state = one.status.state;
  return [facts([['state', chip(state)], ['title', one.proposal && one.proposal.title], ['summary', one.proposal && one.proposal.summary], ['amount', figure(one.amount)], ['to', one.destination], ['memo', one.memo],
    ['proposed by', shortId(one.proposer)], ['why not', one.status.reason]]),
  h('h3', {}, 'Timeline'), steps(one), one.status.votes ? [h('h3', {}, 'Votes'), ballots(one.status.votes)] : null,
  state === 'voting' ? ballot('gov.treasury.vote', {id: row.id}, again) : null,
  ['finalized', 'rolled_back', 'rejected'].includes(state) ? null : await presetForm('gov.treasury.rollback_disbursement', {id: row.id}, again)];
});

function executor(result) {
  const circuit = result.circuit === 'closed' ? chip('closed', 'good') : chip(result.circuit, 'bad');
  return h('div', {class: 'panel'}, facts([['runs here', result.enabled ? 'yes' : 'no: set TB_TREASURY_EXECUTOR=1 on one node of the network'], ['circuit breaker', circuit],
    ['last success', result.last_success_at ? when(result.last_success_at * 1000) : 'never'], ['last error', result.last_error ? h('span', {class: 'error'}, `${result.last_error} ${result.last_error_detail || ''}`) : 'none'],
    ['due now', figure(result.pending_matured)], ['lease', result.lease_holder ? `${result.lease_holder}, ${figure(Math.max(0, result.lease_seconds_left || 0))} s left` : 'nobody holds it'],
    ['blocked by', (result.blockers || []).map((one) => (typeof one === 'string' ? one : JSON.stringify(one))).join('; ')]]));
}

export function treasury(main) {
  const history = pointsChart('Balance', 'after each of the newest changes', '', false), charts = h('div', {class: 'charts'}), numbers = h('div', {class: 'cards'});
  const drawn = [history, chart('treasury_disbursement_backlog', 'Promises that wait, by state'), chart('treasury_executor_result_total', 'Ticks of the executor')];
  history.element.classList.add('broad');
  charts.append(...drawn.map((one) => one.element));
  main.append(h('h1', {}, 'Treasury'), numbers, charts);
  const card = (name, value) => h('div', {class: 'card'}, h('div', {class: 'name'}, name), h('div', {class: 'value'}, value));
  const again = () => sections.again();
  const sections = live(main, [
    {title: 'Disbursements', method: 'gov.treasury.disbursements', params: {limit: 200}, draw: (result) => table(listIn(result), {nothing: 'Nothing was promised yet.', onrow: (row) => open(row, again), columns: ['id',
      {key: 'status', title: 'state', show: (status) => chip(status.state)}, {key: 'proposal', title: 'for what', text: true, show: (proposal) => (proposal ? proposal.title : '–')}, 'amount', {key: 'destination', title: 'to'},
      {key: 'updated_at', title: 'changed'}]})},
    {title: 'Executor', method: 'gov.treasury.executor', draw: executor},
    {title: 'Movements', method: 'gov.treasury.balance_history', params: {limit: kSnapshots}, seen: (result) => {
      const list = [...result.snapshots].reverse(), byTime = new Map(list.map((one) => [one.recorded_at, Number(one.balance)]));
      history.update({times: [...byTime.keys()], lines: [{label: 'balance', values: [...byTime.values()]}]});
    }, draw: (result) => table(result.snapshots, {height: '22rem', nothing: 'No money came or went yet.', columns: [{key: 'recorded_at', title: 'when'}, {key: 'height', title: 'block'}, 'event', 'source', {key: 'delta', title: 'change'}, 'balance']})},
  ]);
  let balanceText = '–';
  const pipeline = live(h('div'), [{title: '', method: 'gov.treasury.pipeline', draw: () => h('span'), seen: (result) => {
    const counts = result.counts || {};
    numbers.replaceChildren(card('Balance', h('span', {id: 'treasury-balance'}, balanceText)), ...kWay.map((name) => card(name, figure(counts[name] ?? 0))), card('rolled back', figure(counts.rolled_back ?? 0)));
  }}]);
  const money = live(h('div'), [{title: '', method: 'gov.treasury.balance', draw: () => h('span'), seen: (result) => {
    balanceText = figure(result.balance);
    const shown = document.getElementById('treasury-balance');
    if (shown) shown.textContent = balanceText;
  }}]);
  main.append(h('h2', {}, 'Do'), methodBoxes(['gov.treasury.submit_disbursement', 'gov.treasury.vote', 'gov.treasury.rollback_disbursement', 'gov.treasury.circuit'], again));
  return () => { [sections, pipeline, money].forEach((one) => one.end()); drawn.forEach((one) => one.destroy()); };
}
