// How the node is, in one look.
import {rpc} from '../api.js';
import {chart} from '../chart.js';
import {failed, figure, h, loading} from '../dom.js';
import * as metrics from '../metrics.js';
import {table} from '../table.js';

const kPeriodMs = 2000;

const card = (name, value, kind = '') => h('div', {class: 'card'}, h('div', {class: 'name'}, name), h('div', {class: `value ${kind}`}, value));

export const stateChip = (state) => ({element: () => h('span', {
  class: `chip ${state === 'running' ? 'good' : ['failed', 'missing'].includes(state) ? 'bad' : 'warn'}`}, state)});

export function overview(main) {
  const cards = h('div', {class: 'cards'}, loading()), plugins = h('div'), alerts = h('div'), charts = h('div', {class: 'charts'});
  main.append(h('h1', {}, 'Overview'), cards, h('h2', {}, 'Needs attention'), alerts, h('h2', {}, 'Now'), charts, h('h2', {}, 'Plugins'), plugins);
  const drawn = [chart('block_height_total', 'Blocks'), chart('mempool_size', 'Pool'), chart('rpc_latency_seconds', 'RPC latency'),
    chart('plugin_commands_total', 'Commands')];
  charts.append(...drawn.map((one) => one.element));
  let timer = 0, ended = false, last = null;
  async function draw() {
    try {
      const [status, list, ready] = await Promise.all([rpc('node.status'), rpc('plugin.list'), fetch('/readyz').then((r) => r.json()).catch(() => null)]);
      if (ended) return;
      const now = {at: Date.now(), height: status.current_block_height};
      const speed = last && now.at > last.at ? (now.height - last.height) * 1000 / (now.at - last.at) : null;
      last = now;
      const p95 = metrics.quantile('rpc_latency_seconds', 0.95);
      cards.replaceChildren(
        card('Height', figure(status.current_block_height)), card('Blocks a second', speed === null ? '–' : figure(speed)), card('Epoch', figure(status.epoch)),
        card('In the pool', figure(status.mempool_size)), card('RPC p95', p95 === undefined ? '–' : `${figure(p95 * 1000)} ms`),
        card('Up', `${figure(Math.floor(status.uptime_secs / 60))} min`), card('Chain', status.chain_id), card('Version', status.version));
      const reasons = [];
      if (ready && !ready.ready) reasons.push(...(ready.reasons || ['not ready']).map((reason) => ({what: reason, why: 'the node is not ready (/readyz)'})));
      list.filter((p) => p.error || !['running', 'staged'].includes(p.state)).forEach((p) => reasons.push({what: `plugin ${p.id}: ${p.state}`, why: p.error || ''}));
      reasons.push(...firing());
      alerts.replaceChildren(reasons.length ? table(reasons) : h('p', {class: 'good'}, 'Nothing: the node is ready and its plugins run.'));
      plugins.replaceChildren(table(list.map((p) => ({id: p.id, version: p.version, state: stateChip(p.state), sm: p.sm, signature: p.signature,
        isolation: p.isolation, calls: p.calls_in_flight})), {onrow: (row) => { location.hash = `#/plugin/${row.id}`; }}));
    } catch (error) {
      if (!ended && !last) cards.replaceChildren(failed(error));
    }
    if (!ended) timer = setTimeout(draw, kPeriodMs);
  }
  draw();
  return () => { ended = true; clearTimeout(timer); drawn.forEach((one) => one.destroy()); };
}

let rules = null;
// Alerts of the manifests whose expression is a plain comparison that holds on this node's own series now.
function firing() {
  if (rules === null) {
    rules = [];
    rpc('monitor.catalogue').then((catalogue) => { rules = catalogue.alerts; }, () => { rules = []; });
  }
  const out = [];
  for (const alert of rules) {
    const match = /^([a-zA-Z_:][\w:]*)\s*(>=|<=|==|!=|>|<)\s*(-?[\d.]+)$/.exec(alert.expr.trim());
    const value = match ? metrics.now(match[1]) : undefined;
    if (value === undefined) continue;
    const bound = Number(match[3]);
    const holds = {'>': value > bound, '<': value < bound, '>=': value >= bound, '<=': value <= bound, '==': value === bound, '!=': value !== bound}[match[2]];
    if (holds) out.push({what: `${alert.name} (${alert.severity})`, why: `${alert.expr}: it is ${figure(value)} now. ${alert.summary || ''}`});
  }
  return out;
}
