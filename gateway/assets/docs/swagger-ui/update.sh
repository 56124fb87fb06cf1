#!/usr/bin/env bash
# Fetches Swagger UI as package-lock.json pins it, by version and hash, and compresses what the gateway serves of it.
#
# For another version: change package.json, run `npm install --package-lock-only --ignore-scripts` here, then this; write the
# version into /NOTICE, and look at the page in a browser, its console open: the content security policy must let it run.
#
# Needs: npm, gzip.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

fetched=$(mktemp -d)
trap 'rm -rf "$fetched"' EXIT
cp package.json package-lock.json "$fetched"
(cd "$fetched" && npm ci --silent --ignore-scripts)

from=$fetched/node_modules/swagger-ui-dist
for file in swagger-ui-bundle.js swagger-ui-bundle.js.LICENSE.txt swagger-ui.css; do
    # Neither name nor time goes in: the same file gives the same bytes.
    gzip -9 --no-name <"$from/$file" >"$file.gz"
done
cp "$from/LICENSE" "$from/NOTICE" .
