// Figures of the console and of /metrics, one line of JSON each, for tests/bench/run.py.
import fs from 'node:fs';
import http from 'node:http';
import os from 'node:os';
import path from 'node:path';
import {Browser, Node, buildLive, go, kRoot} from './harness.mjs';

const kRows = 10000;
const kScrolled = 32000;    // pixels
const kScrollSpeed = 8000;  // pixels a second: a hand in a hurry
const kWatchSeconds = 20;   // of an open console
const kSeries = 10000;
const kScrapes = 100;
const kBatch = 100;
const kCommands = 200;
const kPlugins = ['ledger', 'governance', 'receipts', 'treasury', 'economics', 'energy'];
const kOracle = `mock_oracle:\n  listen: 127.0.0.1:0\n  data_file: ${kRoot}/config/sample-data/gb-electricity-demand-2000.csv\n`;

const tell = (name, value, unit) => console.log(JSON.stringify({name, value: Number(value.toPrecision(4)), unit}));
const seconds = (n) => new Promise((done) => setTimeout(done, n * 1000));
const at = (list, share) => [...list].sort((a, b) => a - b)[Math.min(list.length - 1, Math.floor(list.length * share))];

// Everything that comes over the wire until the overview is drawn, the node's answers included.
async function firstPaint(browser, node) {
  const page = await (await browser.browser.newContext({viewport: {width: 1280, height: 900}})).newPage(), wire = await page.context().newCDPSession(page);
  let bytes = 0;
  await wire.send('Network.enable');
  wire.on('Network.loadingFinished', (event) => { bytes += event.encodedDataLength; });
  await page.goto(node.url);
  await page.locator('.card >> text=Height').waitFor();
  await page.locator('td >> text=ledger').first().waitFor();
  await page.locator('.chart canvas').first().waitFor();
  tell('console_first_paint_kb', bytes / 1024, 'KB');
  await page.context().close();
}

// A table of ten thousand rows is scrolled by the browser's own gesture, which needs no answer of this program between two turns; DevTools' trace
// tells when frames were drawn and how long each kept the page busy, and the page itself how often rows that are seen were not there yet.
async function scrolling(browser, node) {
  const page = await browser.page(node);
  await page.evaluate(async (count) => {
    const {table} = await import('/console/js/table.js');
    const rows = Array.from({length: count}, (_, i) => ({id: i, provider: `energy-0x${i.toString(16).padStart(8, '0')}`, kwh: i * 37 % 5000, status: i % 3 ? 'pending' : 'settled', meter_hash: (i * 2654435761 >>> 0).toString(16).padStart(64, '0'), note: `row ${i} of the market`}));
    document.querySelector('main').replaceChildren(table(rows));
  }, kRows);
  const box = page.locator('.table.rows'), place = await box.boundingBox();
  await page.evaluate(() => {
    window.scrolls = {all: 0, blank: 0};
    addEventListener('scroll', ({target}) => {  // before the table's own listener
      const seen = target.getBoundingClientRect(), head = target.querySelector('thead').getBoundingClientRect().height;
      const holes = [...target.querySelectorAll('tr.gap')].map((gap) => gap.getBoundingClientRect()).filter((gap) => gap.height && gap.bottom > seen.top + head && gap.top < seen.bottom);
      window.scrolls.all++;
      if (holes.length) window.scrolls.blank++;
    }, true);
  });
  const wire = await page.context().newCDPSession(page);
  await browser.browser.startTracing(page, {categories: ['devtools.timeline', 'disabled-by-default-devtools.timeline', 'disabled-by-default-devtools.timeline.frame']});
  await wire.send('Input.synthesizeScrollGesture', {x: place.x + 200, y: place.y + 200, yDistance: -kScrolled, speed: kScrollSpeed, gestureSourceType: 'mouse'});
  const trace = JSON.parse((await browser.browser.stopTracing()).toString()).traceEvents;
  const rows = await page.locator('.table.rows tbody tr').count(), scrolled = await box.evaluate((element) => element.scrollTop);
  if (rows > 200 || scrolled < kScrolled - 1) throw new Error(`${rows} rows are drawn, scrolled to ${scrolled}: the table does not draw what is seen`);
  const frames = trace.filter((event) => event.name === 'DrawFrame').map((event) => event.ts);
  const main = trace.find((event) => event.name === 'EventDispatch' && event.args.data.type === 'scroll');
  const work = trace.filter((event) => event.name === 'RunTask' && event.tdur && event.tid === main.tid && event.pid === main.pid).map((event) => event.tdur / 1000);
  tell('console_scroll_fps', 1e6 * (frames.length - 1) / (frames.at(-1) - frames[0]), 'frames/s');
  tell('console_scroll_frame_ms', work.reduce((a, b) => a + b, 0) / frames.length, 'ms of CPU');
  tell('console_scroll_longest_ms', Math.max(...work), 'ms of CPU');
  const {all, blank} = await page.evaluate(() => window.scrolls);
  tell('console_scroll_blank_percent', 100 * blank / all, '% of turns');
  await page.context().close();
}

async function openConsole(browser, node) {
  const spent = async (what) => { const before = node.cpu(); await what(); return node.cpu() - before; };
  await seconds(2);
  const alone = await spent(() => seconds(kWatchSeconds));
  tell('console_idle_node_percent', 100 * alone / kWatchSeconds, '% of a core');
  const page = await browser.page(node), watched = [];
  for (const hash of ['overview', 'energy']) {
    await go(page, hash);
    await seconds(2);
    watched.push(100 * (await spent(() => seconds(kWatchSeconds)) - alone) / kWatchSeconds);
  }
  tell('console_node_percent', Math.max(...watched), '% of a core');
  await page.context().close();
}

const agent = new http.Agent({keepAlive: true});
const scrape = (port) => new Promise((done, fail) => {
  http.get({port, host: '127.0.0.1', path: '/metrics', agent}, (response) => {
    let bytes = 0, series = 0;
    response.on('data', (part) => { bytes += part.length; series += part.toString('latin1').split('\n').filter((line) => line && line[0] !== '#').length; });
    response.on('end', () => done({bytes, series}));
  }).on('error', fail);
});

// All plugins and ten thousand series more; what a scrape costs, and what commands feel of scrapes without a pause.
async function metrics() {
  const builds = fs.mkdtempSync(path.join(os.tmpdir(), 'tb-bench-live-'));
  const node = await new Node({plugins: kPlugins, profile: 'dev\n  empty_block_interval_ms: 0', rpc: '  exempt_loopback: true\n'}).start();
  try {
    await node.rpc('plugin.upgrade', {path: buildLive(builds, '1.0.0', ['-DLIVE_NAMES'])});
    for (let i = 0; i < kSeries; i += kBatch) await Promise.all(Array.from({length: kBatch}, (_, j) => node.rpc('live.add', {name: `name-${i + j}`})));
    const port = Number(/metrics\s+http:\/\/127\.0\.0\.1:(\d+)/.exec(fs.readFileSync(path.join(node.dir, 'stdout.txt'), 'utf8'))[1]);
    const {bytes, series} = await scrape(port);
    if (series < kSeries) throw new Error(`/metrics has ${series} series, expected more than ${kSeries}`);
    const before = node.cpu();
    for (let i = 0; i < kScrapes; i++) await scrape(port);
    tell('metrics_10k_cpu_ms', 1000 * (node.cpu() - before) / kScrapes, 'ms of CPU');
    tell('metrics_10k_series', series, 'series');
    tell('metrics_10k_kb', bytes / 1024, 'KB');
    const times = async () => {
      const list = [];
      for (let i = 0; i < kCommands; i++) { const begun = performance.now(); await node.rpc('chain.noop'); list.push(performance.now() - begun); }
      return list;
    };
    const quiet = await times();
    let scraping = true;
    const scraper = (async () => { while (scraping) await scrape(port); })();
    const busy = await times();
    scraping = false;
    await scraper;
    tell('metrics_command_p99_ms', at(quiet, 0.99), 'ms');
    tell('metrics_command_p99_scraped_ms', at(busy, 0.99), 'ms');
  } finally {
    await node.close();
    agent.destroy();
    fs.rmSync(builds, {recursive: true, force: true});
  }
}

const node = await new Node({plugins: [...kPlugins, 'mock-oracle'], config: kOracle}).start(), browser = await new Browser().open();
try {
  await firstPaint(browser, node);
  await scrolling(browser, node);
  await openConsole(browser, node);
  browser.check();
} finally {
  await browser.close();
  await node.close();
}
await metrics();
