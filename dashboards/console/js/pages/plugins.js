// Plugins of this node and what can be done with them.
import {discover, rpc} from '../api.js';
import {failed, h} from '../dom.js';
import {methodBox} from '../form.js';
import {table} from '../table.js';
import {live} from './live.js';
import {stateChip} from './overview.js';

const kPeriodMs = 1000;

export function plugins(main) {
  main.append(h('h1', {}, 'Plugins'));
  const note = h('p', {class: 'note'}), forms = h('div');
  main.append(note);
  const sections = live(main, [{title: 'On this node', method: 'plugin.list', draw: (list) => table(list.map((p) => ({
    id: p.id, version: p.version, state: stateChip(p.state), sm: p.sm, schema: p.schema, since: p.since_height, signature: p.signature,
    isolation: p.isolation, calls: p.calls_in_flight, 'held by': (p.held_by || []).join ? p.held_by.join(', ') : p.held_by, blake3: String(p.blake3 || '').slice(0, 16), error: p.error || '',
  })), {onrow: (row) => { location.hash = `#/plugin/${row.id}`; }})}], kPeriodMs);
  main.append(h('h2', {}, 'Do'), forms);
  Promise.all([discover(), rpc('whoami')]).then(([{byName}, me]) => {
    note.textContent = me.role === 'admin' ? 'You may change plugins.' : `Your role is ${me.role}: plugins are changed by admin. Log in with such a token.`;
    forms.append(...['plugin.reload', 'plugin.upgrade', 'plugin.stage', 'plugin.load', 'plugin.unload', 'plugin.prune'].filter((name) => byName.has(name))
      .map((name) => methodBox(byName.get(name), {}, () => sections.again())));
  }, (error) => forms.append(failed(error)));
  return () => sections.end();
}
