// How the node is, in one look.
import {onAlerts} from '../alerts.js';
import {rpc, subscribe} from '../api.js';
import {chart, expressionChart} from '../chart.js';
import {bytes, chip, clock, failed, figure, h, loading, span} from '../dom.js';
import * as metrics from '../metrics.js';
import {table} from '../table.js';

const kPeriodMs = 2000;
const kEvents = 8;

const card = (name, value, kind = '') => h('div', {class: 'card'}, h('div', {class: 'name'}, name), h('div', {class: `value ${kind}`}, value));
const item = ({kind, mark, what, why}) => h('li', {}, chip(mark, kind), ' ', h('strong', {}, what), ' ', h('span', {}, why));

// What somebody should look at: {kind, mark, what, why}.
function troubles(ready, list, rules) {
  const out = [];
  if (ready && !ready.ready) (ready.reasons || ['not ready']).forEach((reason) => out.push({kind: 'bad', mark: 'not ready', what: reason, why: 'the node is not ready (/readyz)'}));
  list.filter((p) => p.error || !['running', 'staged'].includes(p.state)).forEach((p) => out.push({kind: 'bad', mark: p.state, what: `Plugin ${p.id}: ${p.state}`, why: p.error || ''}));
  rules.filter((rule) => rule.state === 'firing').forEach((rule) => out.push({kind: ['critical', 'page'].includes(rule.severity) ? 'bad' : 'warn', mark: rule.severity, what: rule.name, why: rule.summary || rule.expr}));
  rules.filter((rule) => rule.state === 'pending').forEach((rule) => out.push({kind: 'plain', mark: 'holds', what: rule.name, why: `${rule.summary || rule.expr}; ${rule.why}`}));
  return out;
}

function attention(ready, list, rules) {
  if (!rules.length) return loading();
  const found = troubles(ready, list, rules), known = rules.filter((rule) => !['waiting', 'collecting', 'unknown'].includes(rule.state)).length;
  const told = h('p', {class: 'note'}, `${known} of ${rules.length} alerts can be judged from here so far. `, h('a', {href: '#/alerts'}, 'Which, and why not the others'));
  return h('div', {}, found.length ? h('ul', {class: 'attention'}, found.map(item))
    : h('p', {class: 'good'}, 'Nothing: the node is ready, its plugins run, no alert that can be judged fires.'), told);
}

export function overview(main) {
  const cards = h('div', {class: 'cards'}, loading()), plugins = h('div'), alerts = h('div', {}, loading()), charts = h('div', {class: 'charts'}), ticker = h('div', {class: 'lines ticker'}, h('p', {class: 'note'}, 'Waiting for the first event…'));
  main.append(h('h1', {}, 'Overview'), cards, h('h2', {}, 'Needs attention'), alerts, h('h2', {}, 'Now'), charts, h('div', {class: 'halves'},
    h('section', {}, h('h2', {}, 'Plugins'), plugins), h('section', {}, h('h2', {}, 'Newest events'), ticker)));
  const drawn = [expressionChart('rate(block_height_total[30s])', 'Blocks a second', 'Growth of the height, over 30 s', new Map()), chart('plugin_commands_total', 'Commands a second'), chart('rpc_latency_seconds', 'Time of a call'),
    chart('mempool_size', 'Commands that wait')];
  charts.append(...drawn.map((one) => one.element));
  let timer = 0, ended = false, last = null, rules = [], attentionText = '', pluginText = '';
  function drawCards(status) {
    const average = (name) => { const sum = metrics.rateNow(`${name}_sum`), count = metrics.rateNow(`${name}_count`); return count ? `${figure(1000 * sum / count)} ms` : '–'; };
    const rate = (name) => { const value = metrics.rateNow(name); return value === undefined ? '–' : figure(Number(value.toFixed(2))); };
    const storage = status.storage || {};
    cards.replaceChildren(
      card('Height', figure(status.current_block_height)), card('Epoch', figure(status.epoch)), card('Commands / s', rate('plugin_commands_total')), card('Waiting', figure(status.mempool_size)),
      card('RPC mean', average('rpc_latency_seconds')), card('Stores', storage.state && storage.state !== 'ok' ? `${storage.state}, ${bytes(storage.bytes)}` : bytes(storage.bytes || 0), storage.state === 'ok' ? '' : 'bad'),
      card('Up', span(status.uptime_secs)), card('Version', status.version));
  }
  async function draw() {
    if (!document.hidden) {
      try {
        const [status, list, ready] = await Promise.all([rpc('node.status'), rpc('plugin.list'), fetch('/readyz').then((r) => r.json()).catch(() => null)]);
        if (ended) return;
        last = {ready, list};
        drawCards(status);
        drawAttention();
        const text = JSON.stringify(list.map((p) => [p.id, p.version, p.state, p.isolation]));
        if (text !== pluginText) {
          pluginText = text;
          plugins.replaceChildren(table(list, {columns: ['id', 'version', 'state', {key: 'sm', title: 'rules (sm)'}, 'isolation'], onrow: (row) => { location.hash = `#/plugin/${encodeURIComponent(row.id)}`; }}));
        }
      } catch (error) {
        if (!ended && !last) cards.replaceChildren(failed(error));
      }
    }
    if (!ended) timer = setTimeout(draw, kPeriodMs);
  }
  function drawAttention() {
    if (!last) return;
    const next = attention(last.ready, last.list, rules);
    if (next.textContent === attentionText) return;
    attentionText = next.textContent;
    alerts.replaceChildren(next);
  }
  const noAlerts = onAlerts((now) => { rules = now; drawAttention(); });
  const stop = subscribe(['*'], 'head', (event) => {
    if (event.gap) return;
    if (!ticker.querySelector('.line')) ticker.replaceChildren();
    ticker.prepend(h('div', {class: 'line', title: JSON.stringify(event.data ?? {})}, h('span', {class: 'note'}, clock(event.time_ms || Date.now())), ' ', h('strong', {}, event.topic), ' ', JSON.stringify(event.data ?? {})));
    while (ticker.children.length > kEvents) ticker.lastChild.remove();
  });
  draw();
  return () => { ended = true; clearTimeout(timer); noAlerts(); stop(); drawn.forEach((one) => one.destroy()); };
}
