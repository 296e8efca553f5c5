#!/bin/sh
# The packages built in the clean roots of mock(1), for hosts that sign and publish. NOT RUN by the tests of this project.
# The spec compiles nothing: the source archive holds what `deno task rpm` made, so the roots need no network.
#
#   deno task rpm && sh packaging/mock.sh [rocky-8-x86_64 rocky-9-x86_64 ...]
set -eu
cd "$(dirname "$0")/.."
version=$(sed -n 's/.*"version": "\(.*\)".*/\1/p' deno.json | head -1)
for root in "${@:-rocky-9-x86_64}"; do
  el=$(echo "$root" | sed 's/.*-\([0-9]*\)-.*/el\1/')
  mock -r "$root" --buildsrpm --spec packaging/rpm/ja4-platform.spec --sources dist/source \
    --define "platform_version $version" --define "dist .$el" \
    --define "deno_version $(cat .deno-version)" --define "chdb_version 0" --resultdir "dist/mock/$root"
  mock -r "$root" --rebuild "dist/mock/$root"/*.src.rpm --define "platform_version $version" --define "dist .$el" \
    --define "deno_version $(cat .deno-version)" --define "chdb_version 0" --resultdir "dist/mock/$root"
done
