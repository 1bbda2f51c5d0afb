// The node's JSON-RPC and its event stream. One place knows the token, the connection and their states.

const kTimeoutMs = 15000;
const kRetryMs = 2000;
const listeners = new Set();
let token = sessionStorage.getItem('token') || '';
let next = 1;
let reachable = null;  // null: not asked yet

export class RpcError extends Error {
  constructor(error) {
    super(error.message);
    this.code = error.code;
    this.data = error.data || {};
  }
}

// f({reachable, expired, refused}) on each change; refused: nothing is answered without a token.
export function onConnection(f) { listeners.add(f); }
let asked = false;  // for a token, once
function tell(state) {
  if (!state.expired && !(state.refused && !asked) && state.reachable === reachable) return;
  reachable = state.reachable;
  listeners.forEach((f) => f({...state, refused: state.refused && !asked}));
  if (state.refused) asked = true;
}

export const hasToken = () => token !== '';
export function setToken(value) {
  token = value;
  if (value) sessionStorage.setItem('token', value);
  else sessionStorage.removeItem('token');
  methods = null;
  me = null;
}
export const authorization = () => (token ? {Authorization: `Bearer ${token}`} : {});

export async function rpc(method, params = {}) {
  const headers = {'Content-Type': 'application/json', ...authorization()};
  const who = token;
  let answer, status;
  try {
    const response = await fetch('/', {
      method: 'POST', headers, body: JSON.stringify({jsonrpc: '2.0', id: next++, method, params}), signal: AbortSignal.timeout(kTimeoutMs),
    });
    status = response.status;
    answer = await response.json();
  } catch (error) {
    tell({reachable: false});
    throw new Error('The node does not answer. It is asked again every few seconds.', {cause: error});
  }
  tell({reachable: true});
  if (answer.error) {
    if (status === 401 && who === token) tell(token ? {reachable: true, expired: true} : {reachable: true, refused: true});
    throw new RpcError(answer.error);
  }
  return answer.result;
}

let methods = null;
// All methods by name, as rpc.discover lists them.
export async function discover() {
  if (!methods) {
    const document = await rpc('rpc.discover');
    methods = {plugins: document['x-tb'].plugins, byName: new Map(document.methods.filter((m) => !m.deprecated).map((m) => [m.name, m]))};
  }
  return methods;
}
export function forgetMethods() { methods = null; }

let me = null;
// {role, side_roles, id} of this caller.
export function whoami() {
  if (!me) {
    const asked = me = rpc('whoami');
    asked.catch(() => { if (me === asked) me = null; });
  }
  return me;
}
const kLevels = ['open', 'read', 'operator', 'admin'];
// Whether `who` may call a method of `role`; undefined where only the node can tell (a plugin's own role).
export function may(who, role) {
  const level = kLevels.indexOf(role);
  if (level >= 0) return kLevels.indexOf(who.role) >= level;
  return who.role === 'admin' || (who.side_roles || []).includes(role) ? true : undefined;
}

// Events of committed blocks, again and again behind the last cursor until close() is called.
// f({topic, height, data, …}); `from` as in events.subscribe; onstate('open' | 'closed' | why it was refused).
export function subscribe(topics, from, f, onstate = () => {}) {
  let socket = null, closed = false, cursor = from, timer = 0;
  function open() {
    // A browser cannot set headers here; the node reads the token from the subprotocol.
    socket = new WebSocket(`${location.protocol === 'https:' ? 'wss' : 'ws'}://${location.host}/ws`, token ? [`bearer.${token}`] : []);
    socket.onopen = () => {
      onstate('open');
      socket.send(JSON.stringify({jsonrpc: '2.0', id: 1, method: 'events.subscribe', params: {topics, from: cursor}}));
    };
    socket.onmessage = ({data}) => {
      const message = JSON.parse(data);
      if (message.error) { closed = true; socket.close(); return onstate(message.error.message); }
      if (!message.params) return;
      if (message.params.cursor) cursor = message.params.cursor;
      f(message.params);
    };
    socket.onclose = () => {
      if (closed) return;
      onstate('closed');
      timer = setTimeout(open, kRetryMs);
    };
  }
  open();
  return () => { closed = true; clearTimeout(timer); if (socket) socket.close(); };
}
