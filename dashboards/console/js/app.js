// Which page is shown, who is logged in, and whether the node answers.
import {hasToken, onConnection, rpc, setToken, forgetMethods} from './api.js';
import {$, figure, h} from './dom.js';
import {config} from './pages/config.js';
import {energy} from './pages/energy.js';
import {events} from './pages/events.js';
import {governance} from './pages/governance.js';
import {logs} from './pages/logs.js';
import {overview} from './pages/overview.js';
import {plugin} from './pages/plugin.js';
import {plugins} from './pages/plugins.js';
import {treasury} from './pages/treasury.js';

const kPages = {
  overview: {title: 'Overview', key: 'o', show: overview},
  energy: {title: 'Energy', key: 'e', show: energy, needs: 'energy'},
  treasury: {title: 'Treasury', key: 'y', show: treasury, needs: 'treasury'},
  governance: {title: 'Governance', key: 'g', show: governance, needs: 'governance'},
  events: {title: 'Events', key: 'v', show: events},
  logs: {title: 'Logs', key: 'd', show: logs},
  config: {title: 'Configuration', key: 'c', show: config},
  plugins: {title: 'Plugins', key: 'p', show: plugins},
};
const kPulseMs = 2000;
let leave = null;

function show() {
  const [name, ...rest] = (location.hash.replace(/^#\//, '') || 'overview').split('/');
  const main = $('main');
  if (leave) leave();
  main.replaceChildren();
  $('nav').classList.remove('open');
  $('menu').setAttribute('aria-expanded', 'false');
  if (name === 'plugin' && rest.length) leave = plugin(main, decodeURIComponent(rest.join('/')));
  else leave = (kPages[name] || kPages.overview).show(main);
  document.title = `${name === 'plugin' ? rest.join('/') : (kPages[name] || kPages.overview).title} · The Block`;
  mark();
}

function mark() {
  const here = location.hash || '#/overview';
  document.querySelectorAll('nav a').forEach((a) => (a.getAttribute('href') === here ? a.setAttribute('aria-current', 'page') : a.removeAttribute('aria-current')));
}

let shown = '';
function drawNav(ids) {
  if (ids.join() === shown) return;
  shown = ids.join();
  forgetMethods();
  const link = (href, title, key) => h('a', {href, title: key ? `key ${key}` : undefined}, title);
  $('nav').replaceChildren(
    ...Object.entries(kPages).filter(([, page]) => !page.needs || ids.includes(page.needs)).map(([name, page]) => link(`#/${name}`, page.title, page.key)),
    h('h2', {}, 'Each plugin'), ...ids.map((id) => link(`#/plugin/${encodeURIComponent(id)}`, id)));
  mark();
}

function chip(text, kind) {
  $('state').textContent = text;
  $('state').className = `chip ${kind}`;
}

async function pulse() {
  if (!document.hidden) {
    try {
      const status = await rpc('node.status');
      chip('live', 'good');
      $('height').textContent = `#${figure(status.current_block_height)}`;
      drawNav((status.plugins || []).map((p) => p.name));
    } catch (error) {
      if (error.cause) chip('stale: no answer', 'bad');
      else chip(error.message, 'warn');
    }
  }
  setTimeout(pulse, kPulseMs);
}

async function showWho() {
  try {
    const me = await rpc('whoami');
    $('login').textContent = hasToken() ? `Logged in: ${me.role}` : `Role: ${me.role}`;
    return true;
  } catch {
    $('login').textContent = 'Log in';
    return false;
  }
}

function openLogin(message) {
  $('login-error').hidden = !message;
  $('login-error').textContent = message || '';
  if (!$('login-dialog').open) $('login-dialog').showModal();
  $('token').focus();
}

$('login-dialog').addEventListener('close', async () => {
  const what = $('login-dialog').returnValue;
  if (what === 'out') setToken('');
  if (what === 'ok') setToken($('token').value.trim());
  $('token').value = '';
  if (what === 'ok' || what === 'out') {
    if (!await showWho() && what === 'ok') {
      setToken('');
      return openLogin('The node does not take this token. Has it expired?');
    }
    show();
  }
});
onConnection(({expired}) => {
  if (!expired) return;
  setToken('');
  openLogin('The token is no longer valid. Log in again; what you see may be out of date.');
});

function setTheme(name) {
  document.documentElement.dataset.theme = name;
  localStorage.setItem('theme', name);
}
function flipTheme() {
  const dark = matchMedia('(prefers-color-scheme: dark)').matches;
  const now = document.documentElement.dataset.theme || (dark ? 'dark' : 'light');
  setTheme(now === 'dark' ? 'light' : 'dark');
  show();  // charts take their colours when they are made
}

function showKeys() {
  const keys = [...Object.values(kPages).map((page) => [page.key, page.title]), ['t', 'dark or light'], ['l', 'log in'], ['/', 'first field'], ['?', 'this list']];
  $('keys').replaceChildren(...keys.map(([key, what]) => [h('dt', {}, h('code', {}, key)), h('dd', {}, what)]).flat());
  $('keys-dialog').showModal();
}

document.addEventListener('keydown', (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || /^(INPUT|TEXTAREA|SELECT)$/.test(event.target.tagName) || document.querySelector('dialog[open]')) return;
  const page = Object.entries(kPages).find(([, one]) => one.key === event.key);
  if (page) location.hash = `#/${page[0]}`;
  else if (event.key === 't') flipTheme();
  else if (event.key === 'l') openLogin();
  else if (event.key === '?') showKeys();
  else if (event.key === '/') { const field = document.querySelector('main input, main select'); if (field) { event.preventDefault(); field.focus(); } }
});
$('theme').addEventListener('click', flipTheme);
$('login').addEventListener('click', () => openLogin());
$('menu').addEventListener('click', () => {
  const open = $('nav').classList.toggle('open');
  $('menu').setAttribute('aria-expanded', String(open));
});
if (localStorage.getItem('theme')) document.documentElement.dataset.theme = localStorage.getItem('theme');
window.addEventListener('hashchange', show);
showWho();
pulse();
show();
