// One plugin, drawn from its manifest alone: a plugin of somebody else has this page as well.
import {discover, rpc} from '../api.js';
import {chart} from '../chart.js';
import {empty, failed, figure, h, loading} from '../dom.js';
import {methodBox} from '../form.js';
import {stateChip} from './overview.js';

const kMostCharts = 24;

export function plugin(main, id) {
  const head = h('div', {}, loading()), charts = h('div', {class: 'charts'}), forms = h('div'), more = h('div');
  main.append(h('h1', {}, id), head, h('h2', {}, 'Metrics'), charts, more, h('h2', {}, 'Methods'), forms);
  let drawn = [], ended = false;
  async function draw() {
    try {
      const [info, methods] = await Promise.all([rpc('plugin.info', {id}), discover()]);
      if (ended) return;
      head.replaceChildren(h('p', {}, info.summary || ''), h('dl', {}, [
        ['version', info.version], ['state', stateChip(info.state).element()], ['state machine', `${info.sm}, schema ${info.schema}`], ['file', info.file],
        ['signature', info.signature], ['isolation', info.isolation], ['calls in flight', figure(info.calls_in_flight)],
        ...(info.error ? [['error', h('span', {class: 'error'}, info.error)]] : []),
      ].map(([name, value]) => [h('dt', {class: 'note'}, name), h('dd', {}, value)])));
      const metrics = info.metrics || [];
      function show(n) {
        drawn.forEach((one) => one.destroy());
        drawn = metrics.slice(0, n).map((name) => chart(name));
        charts.replaceChildren(...drawn.map((one) => one.element));
        more.replaceChildren(n < metrics.length ? h('p', {class: 'actions'}, h('button', {class: 'quiet', onclick: () => show(metrics.length)}, `All ${metrics.length} metrics`)) : '');
      }
      if (metrics.length) show(kMostCharts);
      else charts.replaceChildren(empty('This plugin declares no metrics.'));
      const own = [...methods.byName.values()].filter((method) => method['x-tb'].plugin === id);
      const words = {query: 'Queries', command: 'Commands', local: 'On this node'};
      forms.replaceChildren(...Object.entries(words).map(([kind, title]) => {
        const some = own.filter((method) => method['x-tb'].kind === kind);
        return some.length ? h('section', {}, h('h3', {}, title), some.map((method) => methodBox(method))) : '';
      }));
      if (!own.length) forms.replaceChildren(empty('This plugin has no methods.'));
    } catch (error) {
      head.replaceChildren(failed(error));
    }
  }
  draw();
  return () => { ended = true; drawn.forEach((one) => one.destroy()); };
}
