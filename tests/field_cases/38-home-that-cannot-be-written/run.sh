#!/bin/bash
# cov-lineages/pangolin #533, snakemake/snakemake #1593, jmonlong/sveval #20: containers and clusters with a read-only home
. "$(dirname "$0")/../lib.sh" "$1"; sandbox; export HOME=/proc/no-home; unset XDG_CACHE_HOME MPLCONFIGDIR
SHOW=4 try atbench estimate ci --suites scratch; a=$RC; traceback && a=1
SHOW=4 try snakemake -n --quiet all --config scale=ci "suites=[scratch]"; b=$RC
echo "atbench $a, snakemake $b (README or Makefile naming XDG_CACHE_HOME: $(grep -c XDG_CACHE_HOME README.md Makefile | tr '\n' ' '))"
[ $a = 0 ] && { [ $b = 0 ] || grep -q XDG_CACHE_HOME README.md; }; verdict $?
