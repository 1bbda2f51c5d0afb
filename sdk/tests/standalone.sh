#!/bin/sh
# standalone.sh BUILD_DIR WORK_DIR: installs the SDK from BUILD_DIR, moves the prefix, and builds against it, with nothing of the
# source tree in reach: the examples, and a fresh plugin of the template. Their libraries must keep the rules.
set -eu
here=$(CDPATH= cd -- "$(dirname -- "$0")" && pwd)
build=$1
work=$2
rm -rf "$work"
mkdir -p "$work"
cmake --install "$build" --component sdk --prefix "$work/first" > "$work/install.log"
mv "$work/first" "$work/moved prefix"
sdk="$work/moved prefix"

"$sdk/bin/tb-new-plugin" two-words --dir "$work" > /dev/null
cp -R "$sdk/share/the-block-sdk/examples/greeter" "$sdk/share/the-block-sdk/examples/counter" "$work"
for plugin in greeter counter two-words; do
  cmake -S "$work/$plugin" -B "$work/$plugin/build" -DCMAKE_PREFIX_PATH="$sdk" -DCMAKE_BUILD_TYPE=Release \
    > "$work/$plugin.log" 2>&1 || { cat "$work/$plugin.log"; exit 1; }
  cmake --build "$work/$plugin/build" --target "$plugin" >> "$work/$plugin.log" 2>&1 || { cat "$work/$plugin.log"; exit 1; }
done
"$here/check_library.sh" "$work/greeter/build/plugins/greeter.so" "$work/counter/build/plugins/counter.so" \
  "$work/two-words/build/plugins/two-words.so"

# Without GoogleTest the plugin is built all the same, and configuring says what its tests want.
cmake -S "$work/two-words" -B "$work/two-words/bare" -DCMAKE_PREFIX_PATH="$sdk" -DCMAKE_DISABLE_FIND_PACKAGE_GTest=ON > "$work/bare.log" 2>&1 ||
  { cat "$work/bare.log"; exit 1; }
tr -s ' \n' ' ' < "$work/bare.log" | grep -q 'GoogleTest (libgtest-dev)' || { echo "nothing says that GoogleTest is missing" >&2; exit 1; }

for wrong in Upper 9lives a--b end- 'a b' chain; do
  if "$sdk/bin/tb-new-plugin" "$wrong" --dir "$work" > /dev/null 2>&1; then echo "accepted the name '$wrong'" >&2; exit 1; fi
done
if "$sdk/bin/tb-new-plugin" greeter --dir "$work" > /dev/null 2>&1; then echo "overwrote a folder" >&2; exit 1; fi
rm -rf "$work"
