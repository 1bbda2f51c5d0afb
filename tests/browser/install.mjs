// Installs what package-lock.json pins below the build directory, once for each lock file: install.mjs BUILD_DIR.
import {execFileSync} from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import {fileURLToPath} from 'node:url';

const here = path.dirname(fileURLToPath(import.meta.url)), folder = path.join(process.argv[2], 'browser');
const lock = fs.readFileSync(path.join(here, 'package-lock.json'), 'utf8'), stamp = path.join(folder, 'installed-lock.json');
if (fs.existsSync(stamp) && fs.readFileSync(stamp, 'utf8') === lock) process.exit(0);
fs.mkdirSync(folder, {recursive: true});
for (const name of ['package.json', 'package-lock.json']) fs.copyFileSync(path.join(here, name), path.join(folder, name));
try {
  execFileSync('npm', ['ci', '--ignore-scripts', '--no-audit', '--no-fund', '--prefer-offline'], {cwd: folder, stdio: 'inherit'});
} catch (error) {
  console.error(`npm could not install playwright-core into ${folder}: ${error.message}. It needs Debian's npm and, the first time, the registry; run ./dev test again with a network.`);
  process.exit(1);
}
fs.writeFileSync(stamp, lock);
