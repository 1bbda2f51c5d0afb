// A real node and Debian's Chromium for a test. Every page that is opened here is watched: an error in its console, a
// violation of its policy, a request to another host or a dialog fails the test at check().
import assert from 'node:assert/strict';
import {execFileSync, spawn, spawnSync} from 'node:child_process';
import fs from 'node:fs';
import http from 'node:http';
import {createRequire} from 'node:module';
import os from 'node:os';
import path from 'node:path';
import {fileURLToPath} from 'node:url';

export const kRoot = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../..');
export const kBuild = process.env.TB_BUILD_DIR || path.join(kRoot, 'build/release');
const kTools = process.env.TB_BROWSER_DIR || path.join(kBuild, 'browser');
export const kShots = path.join(kTools, 'screenshots');
const kBoundMs = 120000;  // against hanging, not a measure
const {chromium} = createRequire(path.join(kTools, 'package.json'))('playwright-core');

const pause = (milliseconds) => new Promise((done) => setTimeout(done, milliseconds));
export async function waitFor(what, condition, boundMs = kBoundMs) {
  const end = Date.now() + boundMs;
  while (Date.now() < end) {
    const value = await condition();
    if (value) return value;
    await pause(50);
  }
  throw new Error(`${what} did not happen within ${boundMs / 1000} s`);
}

export class Node {
  constructor({plugins, config = '', rpc = '', env = {}, profile = 'dev'}) {
    this.dir = fs.mkdtempSync(path.join(os.tmpdir(), 'tb-browser-'));
    this.data = path.join(this.dir, 'data');
    this.socket = path.join(this.data, 'rpc.sock');
    this.env = {...Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('TB_'))), HOME: this.dir, ...env};
    this.text = (port) => `chain:\n  profile: ${profile}\nplugins:\n  load: [${plugins.join(', ')}]\nlisteners:\n  rpc: 127.0.0.1:${port}\n  metrics: 127.0.0.1:0\n  status: 127.0.0.1:0\n` +
      `rpc:\n  tokens_file: ${this.dir}/tokens.yaml\n${rpc}log:\n  file: ${this.dir}/node.log\n${config}`;
    this.port = 0;
  }
  // The second start takes the port of the first, so that an open page finds the node again.
  async start() {
    fs.writeFileSync(path.join(this.dir, 'node.yaml'), this.text(this.port));
    const out = fs.openSync(path.join(this.dir, 'stdout.txt'), 'w');
    this.process = spawn(path.join(kBuild, 'bin/blockd'), ['run', '--config', path.join(this.dir, 'node.yaml'), '--data-dir', this.data], {cwd: kRoot, env: this.env, stdio: ['ignore', out, out]});
    fs.closeSync(out);
    this.ended = new Promise((done) => this.process.once('exit', done));
    const greeting = () => fs.readFileSync(path.join(this.dir, 'stdout.txt'), 'utf8');
    await waitFor('the start of the node', async () => {
      if (this.process.exitCode !== null) throw new Error(`the node ended at its start:\n${greeting().slice(-4000)}`);
      const found = /JSON-RPC\s+http:\/\/127\.0\.0\.1:(\d+)/.exec(greeting());
      if (found) this.port = Number(found[1]);
      return found && this.rpc('node.status').catch(() => null);
    });
    return this;
  }
  get url() { return `http://127.0.0.1:${this.port}/console/`; }
  async kill() { this.process.kill('SIGKILL'); await this.ended; }
  async close() {
    if (this.process && this.process.exitCode === null) { this.process.kill('SIGTERM'); await this.ended; }
    fs.rmSync(this.dir, {recursive: true, force: true});
  }
  // Over the local socket, as admin.
  rpc(method, params = {}) {
    return new Promise((done, fail) => {
      const request = http.request({socketPath: this.socket, path: '/', method: 'POST', headers: {'Content-Type': 'application/json', Host: 'localhost'}}, (response) => {
        let text = '';
        response.on('data', (part) => { text += part; });
        response.on('end', () => { const answer = JSON.parse(text); if (answer.error) fail(new Error(answer.error.message)); else done(answer.result); });
      });
      request.on('error', fail);
      request.end(JSON.stringify({jsonrpc: '2.0', id: 1, method, params}));
    });
  }
  token(role) { return this.rpc('token.create', {role, ttl: 3600}); }
  // Processor seconds that the node has used.
  cpu() {
    const fields = fs.readFileSync(`/proc/${this.process.pid}/stat`, 'utf8').split(') ')[1].split(' ');
    return (Number(fields[11]) + Number(fields[12])) / Number(execFileSync('getconf', ['CLK_TCK']));
  }
}

// A version of a plugin of tests/support/live, in a fraction of a second.
export function buildLive(directory, version, more = [], source = 'live') {
  const out = path.join(directory, `${source}-${version}.so`);
  const done = spawnSync('cc', ['-std=gnu11', '-O1', '-shared', '-fPIC', '-fvisibility=hidden', '-I', path.join(kRoot, 'plugin-api/include'), `-D${source.toUpperCase()}_VERSION="${version}"`, ...more,
    path.join(kRoot, 'tests/support/live', `${source}.c`), '-o', out, '-Wl,-z,now,-z,noexecstack,-z,defs', `-Wl,--version-script=${kRoot}/kernel/host/tests/plugins/plugin.map`], {encoding: 'utf8'});
  assert.equal(done.status, 0, done.stderr);
  return out;
}

export class Browser {
  async open() {
    this.browser = await chromium.launch({executablePath: process.env.TB_CHROMIUM || '/usr/bin/chromium', args: ['--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage']});
    this.troubles = [];
    fs.mkdirSync(kShots, {recursive: true});
    return this;
  }
  // expected: patterns of console messages that belong to the test; state: what the header says first.
  async page(node, options = {}, expected = [], state = 'live') {
    const context = await this.browser.newContext({viewport: {width: 1280, height: 900}, ...options});
    const page = await context.newPage();
    page.setDefaultTimeout(kBoundMs);
    page.expected = expected;
    const trouble = (text) => { if (!page.expected.some((pattern) => pattern.test(text))) this.troubles.push(text); };
    page.on('console', (message) => { if (['error', 'warning'].includes(message.type())) trouble(`console: ${message.text()}`); });
    page.on('pageerror', (error) => trouble(`exception: ${error.stack}`));
    page.on('dialog', (dialog) => { trouble(`dialog: ${dialog.message()}`); dialog.dismiss(); });
    page.on('request', (request) => { const url = new URL(request.url()); if (url.host !== `127.0.0.1:${node.port}`) trouble(`request to another host: ${request.url()}`); });
    page.on('websocket', (socket) => { if (new URL(socket.url()).host !== `127.0.0.1:${node.port}`) trouble(`socket to another host: ${socket.url()}`); });
    await page.addInitScript(() => document.addEventListener('securitypolicyviolation', (event) => console.error(`policy violation: ${event.violatedDirective} ${event.blockedURI}`)));
    await page.goto(node.url);
    await page.locator('#state', {hasText: state}).waitFor();
    return page;
  }
  check() {
    const found = this.troubles;
    this.troubles = [];
    assert.deepEqual(found, []);
  }
  async close() { await this.browser.close(); }
}

export const go = (page, hash) => page.evaluate((to) => { location.hash = `#/${to}`; }, hash);
export const shot = (page, name, fullPage = true) => page.screenshot({path: path.join(kShots, `${name}.png`), fullPage});

export async function logIn(page, token) {
  await page.locator('#login').click();
  await page.locator('#token').fill(token);
  await page.locator('#login-ok').click();
}
