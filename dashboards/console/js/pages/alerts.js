// Every alert that the plugins declare: what it says now, and which of them cannot be judged from a page.
import {alertFailure, onAlerts} from '../alerts.js';
import {chip, failed, h, loading, short} from '../dom.js';
import {facts, sheet} from '../sheet.js';
import {table} from '../table.js';

const kOrder = ['firing', 'pending', 'collecting', 'unknown', 'silent', 'waiting'];
const kWords = {firing: 'fires', pending: 'holds', collecting: 'collecting', unknown: 'not judged', silent: 'silent', waiting: 'waiting'};
const kKinds = {firing: 'bad', pending: 'warn', collecting: 'plain', unknown: 'plain', silent: 'good', waiting: 'plain'};

const open = (rule) => sheet(rule.name, () => [facts([['now', chip(kWords[rule.state], kKinds[rule.state])], ['why', rule.why], ['value', rule.value ? short(rule.value.value) : null], ['severity', rule.severity],
  ['means', rule.summary], ['must hold for', rule.for], ['declared by', rule.by], ['runbook', rule.runbook]]), h('h3', {}, 'Expression'), h('pre', {}, rule.expr)]);

// A long name breaks between its words.
const parts = (name) => h('span', {}, name.split(/(?=[A-Z])/).map((word) => [h('wbr'), word]));

export function alerts(main) {
  const hole = h('div', {}, loading()), counts = h('p', {class: 'actions'});
  main.append(h('h1', {}, 'Alerts'), h('p', {class: 'lead'}, 'What the plugins of this node declare, judged by this page every ten seconds on its own readings of the last hour at most, kept over a reload. '
    + 'Prometheus decides, with its whole history and over all nodes; dashboards/prometheus holds the same rules for it.'), counts, hole);
  let text = '';
  const draw = (rules) => {
    const count = Object.fromEntries(kOrder.map((state) => [state, rules.filter((rule) => rule.state === state).length]));
    counts.replaceChildren(...kOrder.filter((state) => count[state]).map((state) => h('span', {}, chip(`${count[state]} ${count[state] === 1 ? kWords[state] : kWords[state].replace(/s$/, '')}`, kKinds[state]))));
    const now = JSON.stringify(rules.map((rule) => [rule.name, rule.state, rule.why]));
    const typed = hole.querySelector('input');
    if (now === text || (typed && typed.value)) return;
    text = now;
    const top = hole.querySelector('.table')?.scrollTop || 0;
    hole.replaceChildren(table([...rules].sort((a, b) => kOrder.indexOf(a.state) - kOrder.indexOf(b.state) || a.name.localeCompare(b.name)), {filter: true, height: '70vh', name: 'alert-list', onrow: open, nothing: 'No plugin declares an alert.', columns: [
      {key: 'state', title: 'now', show: (state) => chip(kWords[state], kKinds[state])}, {key: 'name', title: 'alert', show: parts}, {key: 'severity'}, {key: 'by', title: 'plugin'}, {key: 'summary', title: 'means', text: true, wrap: true, show: (summary, rule) => summary || rule.expr},
      {key: 'why', title: 'note', text: true, wrap: true, show: (why, rule) => why || (rule.value ? `value ${short(rule.value.value)}` : '–')}]}));
    hole.querySelector('.table').scrollTop = top;
  };
  const stop = onAlerts(draw);
  if (alertFailure()) hole.replaceChildren(failed(alertFailure()));
  return stop;
}
