#!/bin/bash
# jundot/omlx #3679, unslothai/unsloth #8919: "._name" companions of macOS on exFAT/SMB match Path.glob
. "$(dirname "$0")/../lib.sh" "$1"; bad=0
for f in experiments/suites/._scratch.yaml experiments/paper/._figures.csv; do
  rm -rf "$WORK/repo"; sandbox
  printf '\x00\x05\x16\x07\x00\x02\x00\x00Mac OS X        \x00\x02\x00\x00\x00\x09\x00\x00\x00\x32\x00\x00\xb0\xff\xa3' > $f
  case $f in *.csv) SHOW=4 try python -c 'from atbench.spec.load import load; from atbench.judgement.published import published; print(len(published(load("ci"))))';; *) SHOW=4 try cfg ci;; esac; { [ $RC = 0 ] || says "$f"; } && ! traceback || { bad=1; echo "^^^ files with $f"; }
done
verdict $bad
