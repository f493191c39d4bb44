#!/bin/bash
# Make the vendored assets of the pages anew (needs npm): pages/static/vendor and tests/browser/axe.min.js.
# The versions belong together: govuk-frontend-jinja 4.1.0 makes the markup of govuk-frontend 6.3.0.
set -euo pipefail
here=$(cd "$(dirname "$0")/.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
npm install --no-save --no-audit --no-fund govuk-frontend@6.3.0 htmx.org@4.0.1 axe-core@4.14.1 sass@1.108.2
cat >own.scss <<'SCSS'
@use "node_modules/govuk-frontend/dist/govuk" with (
  $govuk-font-family: ("Arial", "Noto Sans", "Noto Sans Sinhala", "Noto Sans Tamil", sans-serif),
  $govuk-include-default-font-face: false
);
SCSS
npx sass --no-source-map --style=compressed --quiet-deps own.scss compiled.css
# The crest in the footer is the Crown's, not ours: its rules go, and with them the only addresses in the sheet.
sed -E 's/(background|(-webkit-)?mask)-image:url\("[^"]*govuk-crest\.svg"\);?//g; 1s/^\xEF\xBB\xBF//' compiled.css >govuk-frontend.min.css
! grep -q 'url(' govuk-frontend.min.css
sed '/^\/\/# sourceMappingURL=/d; s#//\# sourceMappingURL=.*##' node_modules/govuk-frontend/dist/govuk/govuk-frontend.min.js >govuk-frontend.min.js
cp govuk-frontend.min.css govuk-frontend.min.js node_modules/htmx.org/dist/htmx.min.js "$here/pages/static/vendor/"
cp node_modules/axe-core/axe.min.js "$here/tests/browser/"
cd "$here" && sha256sum pages/static/vendor/*.css pages/static/vendor/*.js tests/browser/axe.min.js
