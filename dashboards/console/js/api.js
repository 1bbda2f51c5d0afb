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

// f({reachable, expired}) on each change.
export function onConnection(f) { listeners.add(f); }
function tell(state) {
  if (state.expired || state.reachable !== reachable) {
    reachable = state.reachable;
    listeners.forEach((f) => f(state));
  }
}

export const hasToken = () => token !== '';
export function setToken(value) {
  token = value;
  if (value) sessionStorage.setItem('token', value);
  else sessionStorage.removeItem('token');
  methods = null;
}

export async function rpc(method, params = {}) {
  const headers = {'Content-Type': 'application/json'};
  if (token) headers.Authorization = `Bearer ${token}`;
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
    if (status === 401 && token) tell({reachable: true, expired: true});
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

// Events of committed blocks, again and again behind the last cursor until close() is called.
// f({topic, height, data, …}); `from` as in events.subscribe.
export function subscribe(topics, from, f) {
  let socket = null, closed = false, cursor = from, timer = 0;
  function open() {
    socket = new WebSocket(`${location.protocol === 'https:' ? 'wss' : 'ws'}://${location.host}/ws`);
    socket.onopen = () => socket.send(JSON.stringify({jsonrpc: '2.0', id: 1, method: 'events.subscribe', params: {topics, from: cursor}}));
    socket.onmessage = ({data}) => {
      const message = JSON.parse(data);
      if (!message.params) return;
      if (message.params.cursor) cursor = message.params.cursor;
      f(message.params);
    };
    socket.onclose = () => { if (!closed) timer = setTimeout(open, kRetryMs); };
  }
  open();
  return () => { closed = true; clearTimeout(timer); if (socket) socket.close(); };
}
