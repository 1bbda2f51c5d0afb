// Proposals from draft to activation, parameters with their history, scripts and what changed in them.
import {rpc} from '../api.js';
import {diffLines} from '../diff.js';
import {chip, empty, figure, h, shortId} from '../dom.js';
import {methodBoxes, presetForm} from '../form.js';
import {facts, sheet} from '../sheet.js';
import {table} from '../table.js';
import {listIn, live} from './live.js';
import {ballot, ballots, timeline} from './steps.js';

const text = (value) => (value !== null && typeof value === 'object' ? JSON.stringify(value) : figure(value));

function steps(one) {
  const over = ['rejected', 'failed', 'rolled_back', 'expired'].includes(one.status), active = one.status === 'activated' || one.status === 'rolled_back';
  const list = [{name: 'proposed', done: true, epoch: one.created_epoch, height: one.created_height, at: one.created_at * 1000, who: one.proposer},
    {name: 'votes are counted', done: one.status !== 'open', now: one.status === 'open', epoch: one.vote_deadline_epoch}];
  if (over && !active) list.push({name: one.status, done: true, now: true, bad: true});
  else list.push({name: 'in force', done: active, now: one.status === 'activated', epoch: one.activated_epoch ?? one.activation_epoch});
  if (one.status === 'rolled_back') list.push({name: 'rolled back', done: true, now: true, bad: true});
  return timeline(list);
}

// The text of a script as it was proposed: it stands in the block of its proposal.
async function sourceOf(proposal) {
  const block = await rpc('block.get', {height: proposal.created_height, full: true});
  const found = (block.commands || []).map((one) => one.command || one).find((command) => command.method === 'gov.propose_script' &&
    (!proposal.payload.name || command.params.source.includes(`"${proposal.payload.name}"`)));
  return found ? found.params.source : null;
}

// Proposals of one script, the newest first.
async function versionsOf(name) {
  return (await rpc('gov.list', {kind: 'script', limit: 200, archived: true})).proposals.filter((one) => one.payload && one.payload.name === name).sort((a, b) => b.id - a.id);
}

// What this proposal would change: against the version in force, or the one before it.
async function scriptChange(proposal) {
  const versions = await versionsOf(proposal.payload.name), older = versions.find((one) => one.id < proposal.id && ['activated', 'superseded'].includes(one.status)) || versions.find((one) => one.id < proposal.id);
  const [now, before] = await Promise.all([sourceOf(proposal), older ? sourceOf(older) : null]);
  if (now === null) return empty('The block of this proposal is no longer here, so its text cannot be shown.');
  if (before === null) return h('pre', {}, now);
  return [h('p', {class: 'note'}, `Changes against version ${older.payload.version} of proposal ${older.id}`), diffLines(before, now)];
}

const openProposal = (id, changed) => sheet(`Proposal ${id}`, async (refill) => {
  const one = await rpc('gov.proposal', {id}), payload = one.payload || {}, again = () => { refill(); changed(); };
  const change = (one.changes || [])[0];
  return [facts([['status', chip(one.status)], ['kind', one.kind], ['about', one.subject], ['new value', payload.new_value === undefined ? null : text(payload.new_value)],
    ['changed', change ? `${text(change.old_value)} → ${text(change.new_value)}${change.voted_value !== change.new_value ? ` (voted: ${text(change.voted_value)})` : ''}` : null],
    ['version', payload.version], ['script hash', payload.hash ? shortId(payload.hash) : null], ['reason', one.reason], ['epoch now', figure(one.epoch)]]),
  h('h3', {}, 'Timeline'), steps(one), h('h3', {}, 'Votes'), ballots(one.tally), one.status === 'open' ? ballot('gov.vote', {id, kind: 'prop'}, again) : null,
  one.kind === 'script' && payload.hash ? [h('h3', {}, 'Script'), await scriptChange(one)] : null,
  one.status === 'activated' ? await presetForm('gov.rollback', {id}, again) : null];
});

const openParam = (key, changed) => sheet(key, async (refill) => {
  const [one, history] = await Promise.all([rpc('gov.param', {key}), rpc('gov.param_history', {key, limit: 200})]), spec = one.spec || {};
  return [facts([['value', text(one.value)], ['unit', spec.unit], ['default', text(spec.default)], ['allowed', spec.min === undefined ? null : `${text(spec.min)} to ${text(spec.max)}`], ['belongs to', spec.owner],
    ['time lock', spec.timelock_epochs ? `${spec.timelock_epochs} epochs` : null], ['waiting changes', (one.pending || []).map((p) => `${text(p.new_value)} (proposal ${p.proposal_id ?? p.id})`).join(', ')]]),
  h('h3', {}, 'History'), table(history.changes, {nothing: 'It has its first value.', columns: ['epoch', {key: 'time', title: 'when'}, 'event', {key: 'old_value', title: 'from', show: text}, {key: 'new_value', title: 'to', show: text},
    {key: 'proposal_id', title: 'proposal'}]}),
  await presetForm('gov.propose', {key}, () => { refill(); changed(); })];
});

const openScript = (row) => sheet(`Script ${row.name}`, async () => {
  const [script, versions] = await Promise.all([rpc('gov.script', {name: row.name}), versionsOf(row.name)]);
  const mine = versions.findIndex((one) => one.id === script.proposal_id), older = mine < 0 ? undefined : versions.slice(mine + 1).find((one) => one.payload.hash);
  const before = older ? await sourceOf(older) : null;
  return [facts([['status', chip(script.status)], ['version', script.version], ['called at', script.events.join(', ')], ['parameters', script.keys.join(', ')], ['failures', figure(script.failures)],
    ['since epoch', figure(script.activated_epoch)], ['proposal', figure(script.proposal_id)], ['hash', shortId(script.hash)]]),
  before === null ? h('pre', {}, script.source) : [h('p', {class: 'note'}, `Changes against version ${older.payload.version}`), diffLines(before, script.source)]];
});

export function governance(main) {
  main.append(h('h1', {}, 'Governance'));
  const again = () => sections.again();
  const sections = live(main, [
    {title: 'Proposals', method: 'gov.list', params: {limit: 200}, draw: (result) => table(listIn(result), {nothing: 'No proposal yet. Choose a parameter below, or `contract-cli gov propose`.', onrow: (row) => openProposal(row.id, again), columns: ['id', 'status', 'kind',
      {key: 'subject', title: 'about'}, {key: 'payload', title: 'change', text: true, show: (payload) => (payload.new_value !== undefined ? text(payload.new_value) : payload.version ? `version ${payload.version}` : '–')},
      {key: 'tally', title: 'yes of votes', text: true, show: (tally) => Object.entries(tally || {}).map(([house, one]) => `${house} ${one.yes}/${one.total}`).join(', ')}, {key: 'vote_deadline_epoch', title: 'vote until epoch'},
      {key: 'created_at', title: 'proposed'}]})},
    {title: 'Scripts', method: 'gov.scripts', draw: (result) => table(listIn(result), {nothing: 'No script is in force. `contract-cli gov script propose FILE` proposes one.', onrow: openScript, columns: ['name', 'version', 'status',
      {key: 'events', title: 'called at', text: true, show: (list) => list.join(', ')}, 'failures', {key: 'activated_epoch', title: 'since epoch'}]})},
    {title: 'Parameters', method: 'gov.params', draw: (result) => table(Object.entries(result.params || {}).map(([key, value]) => ({key, value})), {columns: ['key', 'value'], filter: true, height: '30rem', onrow: (row) => openParam(row.key, again)})},
  ]);
  main.append(h('h2', {}, 'Do'), methodBoxes(['gov.propose', 'gov.vote', 'gov.propose_script', 'gov.rollback'], again));
  return () => sections.end();
}
