#!/bin/sh
# Fills ../static/vendor from npm, by the lock file, with the licences and a list of sums. Nothing else in the repository fetches
# scripts: building, testing and serving use what is checked in.
set -eu
cd "$(dirname "$0")"
npm ci --ignore-scripts --no-audit --no-fund
to=../static/vendor
rm -rf "$to" ../testdata/axe && mkdir -p "$to" ../testdata/axe
cp node_modules/htmx.org/dist/htmx.min.js node_modules/uplot/dist/uPlot.iife.min.js node_modules/uplot/dist/uPlot.min.css node_modules/cytoscape/dist/cytoscape.min.js "$to"
for name in htmx.org uplot cytoscape; do
  version=$(node -p "require('./node_modules/$name/package.json').version")
  cp "node_modules/$name/LICENSE" "$to/LICENSE.$name-$version"
done
cp node_modules/axe-core/axe.min.js node_modules/axe-core/LICENSE ../testdata/axe
(cd "$to" && sha256sum ./* > SHA256SUMS.new && mv SHA256SUMS.new SHA256SUMS)
(cd ../testdata/axe && sha256sum ./* > SHA256SUMS.new && mv SHA256SUMS.new SHA256SUMS)
rm -rf node_modules
