// One plugin, drawn from its manifest alone: a plugin of somebody else has this page as well.
import {recordTrees} from '../alerts.js';
import {discover, rpc} from '../api.js';
import {chart, expressionChart} from '../chart.js';
import {chip, empty, failed, figure, h, loading, shortId} from '../dom.js';
import {methodBox} from '../form.js';
import {facts} from '../sheet.js';

const kFirstCharts = 12;
const kPeriodMs = 2000;
const kWords = {query: 'Queries', command: 'Commands', local: 'On this node'};

// Charts in a fold: made when it is opened, ended when it is closed.
function fold(title, makers, open) {
  const charts = h('div', {class: 'charts'}), more = h('div');
  let drawn = [];
  const drop = () => { drawn.forEach((one) => one.destroy()); drawn = []; charts.replaceChildren(); more.replaceChildren(); };
  const show = (n) => {
    drop();
    drawn = makers.slice(0, n).map((make) => make());
    charts.append(...drawn.map((one) => one.element));
    if (n < makers.length) more.append(h('p', {class: 'actions'}, h('button', {type: 'button', class: 'quiet', onclick: () => show(makers.length)}, `All ${makers.length}`)));
  };
  const element = h('details', {class: 'fold', open}, h('summary', {}, h('h2', {}, title, ' ', h('span', {class: 'count'}, figure(makers.length)))), charts, more);
  const toggle = () => { if (!element.open) drop(); else if (!drawn.length) show(kFirstCharts); };
  element.addEventListener('toggle', toggle);
  return {element, destroy: drop};
}

function folds(id, info, catalogue) {
  const panels = catalogue.panels.filter((panel) => panel.by === id), names = info.metrics || [];
  const unit = (panel) => (panel.unit && !panel.title.includes('(') ? ` (${panel.unit})` : '');
  return [
    panels.length ? fold('Panels', panels.map((panel) => () => expressionChart(panel.expr, panel.title + unit(panel), panel.expr, recordTrees())), true) : null,
    names.length ? fold('Metrics', names.map((name) => () => chart(name)), !panels.length) : null,
  ].filter(Boolean);
}

function head(info) {
  return [h('p', {class: 'lead'}, info.summary || ''), h('div', {class: 'panel'}, facts([['state', chip(info.state)], ['version', info.version], ['state machine', info.sm ? `${info.sm}, schema ${info.schema}, since block ${figure(info.since_height)}` : 'none: a face only'],
    ['signature', chip(info.signature, info.signature === 'valid' ? 'good' : 'warn')], ['isolation', info.isolation], ['calls in flight', figure(info.calls_in_flight)], ['file', h('code', {}, info.file)],
    ['blake3', info.blake3 ? shortId(info.blake3) : null], ['error', info.error ? h('span', {class: 'error'}, info.error) : null]]))];
}

export function plugin(main, id) {
  const top = h('div', {}, loading()), charts = h('div'), forms = h('div');
  main.append(h('h1', {}, id), top, charts, forms);
  let drawn = [], ended = false, timer = 0, version = '';
  async function whole(info) {
    const [catalogue, methods] = await Promise.all([rpc('monitor.catalogue'), discover()]);
    if (ended) return;
    drawn.forEach((one) => one.destroy());
    drawn = folds(id, info, catalogue);
    charts.replaceChildren(...(drawn.length ? drawn.map((one) => one.element) : [empty('This plugin declares no metrics.')]));
    const own = [...methods.byName.values()].filter((method) => method['x-tb'].plugin === id);
    forms.replaceChildren(...(own.length ? Object.entries(kWords).map(([kind, title]) => {
      const some = own.filter((method) => method['x-tb'].kind === kind);
      return some.length ? h('section', {}, h('h2', {}, title, ' ', h('span', {class: 'count'}, figure(some.length))), some.map((method) => methodBox(method))) : '';
    }) : [empty('This plugin has no methods that this role sees.')]));
  }
  async function draw() {
    try {
      const info = await rpc('plugin.info', {id});
      if (ended) return;
      top.replaceChildren(...head(info));
      const now = `${info.version} ${info.blake3}`;
      if (now !== version) {
        await whole(info);
        version = now;
      }
    } catch (error) {
      if (!version) top.replaceChildren(failed(error));
    }
    if (!ended) timer = setTimeout(draw, kPeriodMs);
  }
  draw();
  return () => { ended = true; clearTimeout(timer); drawn.forEach((one) => one.destroy()); };
}
