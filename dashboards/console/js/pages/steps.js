// A way in steps: what is behind, where it stands, what is to come; and the ballot on it.
import {rpc} from '../api.js';
import {dateTime, failed, figure, h, loading, shortId} from '../dom.js';

// steps: [{name, done, now, bad, at (ms), height, epoch, who}]
export function timeline(steps) {
  return h('ol', {class: 'timeline'}, steps.map((step) => h('li', {class: [step.done ? 'done' : '', step.now ? 'now' : '', step.bad ? 'bad' : ''].join(' ').trim() || undefined, 'aria-current': step.now ? 'step' : undefined},
    h('strong', {}, step.name.replaceAll('_', ' ')), h('span', {class: 'note'}, [step.epoch === undefined || step.epoch === null ? '' : `epoch ${figure(step.epoch)}`, step.height ? `block ${figure(step.height)}` : '', step.at ? dateTime(step.at) : '']
      .filter(Boolean).join(', ')), step.who ? h('span', {class: 'note'}, ' by ', step.who.length > 20 ? shortId(step.who) : step.who) : null)));
}

// What each house said: {operators: {total, yes, no, abstain, needed}, …}
export function ballots(houses) {
  return h('div', {class: 'ballots'}, Object.entries(houses || {}).map(([house, tally]) => {
    const part = (name) => { const i = h('i', {class: name}); i.style.width = `${tally.total ? 100 * tally[name] / tally.total : 0}%`; return i; };
    return h('div', {}, h('div', {}, h('strong', {}, house), ` ${tally.yes} yes, ${tally.no} no, ${tally.abstain} abstain of ${tally.total}${tally.needed ? `; ${tally.needed} needed` : ''}`),
      h('div', {class: 'votes', role: 'img', 'aria-label': `${tally.yes} of ${tally.total} yes`}, part('yes'), part('no'), part('abstain')));
  }));
}

// Three buttons that send one's vote with `method`; changed() after it was taken.
export function ballot(method, params, changed) {
  const out = h('div', {'aria-live': 'polite'});
  const vote = async (choice) => {
    out.replaceChildren(loading());
    try {
      const result = await rpc(method, {...params, choice});
      out.replaceChildren(h('p', {class: 'good'}, `Your vote, ${choice}, stands in block ${figure(result.height)}.`));
      changed();
    } catch (error) {
      out.replaceChildren(failed(error));
    }
  };
  return h('div', {class: 'ballot'}, h('p', {class: 'actions'}, h('strong', {}, 'Your vote'), ['yes', 'no', 'abstain'].map((choice) =>
    h('button', {type: 'button', class: choice === 'yes' ? '' : 'quiet', onclick: () => vote(choice)}, choice[0].toUpperCase() + choice.slice(1)))), out);
}
