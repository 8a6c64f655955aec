#!/usr/bin/env bash
# Check the types of static/js as its JSDoc gives them, with a TypeScript that stays out of this folder.
# Says why and goes on where Node.js is absent or that package cannot be had.
set -eu
cd "$(dirname "$0")/.."
typescript=typescript@5.9.3

if ! command -v npx >/dev/null; then
    echo 'static/js: types not checked, there is no Node.js'
elif ! npx --yes --package "$typescript" tsc --version >/dev/null 2>&1; then
    echo "static/js: types not checked, $typescript cannot be had"
else
    npx --yes --package "$typescript" tsc --project jsconfig.json
    echo 'static/js: no type is wrong'
fi
