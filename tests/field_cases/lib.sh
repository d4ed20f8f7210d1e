# source this: . "$(dirname "$0")/../lib.sh" "$1"
# $1 = checkout to try. ATBENCH_BIN = bin folder of an environment with its dependencies.
REPO=$(realpath "${1:?give the path of a checkout}")
export PATH=${ATBENCH_BIN:-$REPO/.venv/bin}:$PATH OMP_NUM_THREADS=1
WORK=$(mktemp -d "${TMPDIR:-/tmp}/atb-case.XXXXXX"); trap 'chmod -R u+w "$WORK" 2>/dev/null; rm -rf "$WORK"' EXIT
OUT=$WORK/out.txt; : > "$OUT"

tree_to() {  # copy of the checkout's working tree, without results, to a new folder
  mkdir -p "$1"
  tar -C "$REPO" --exclude=./.git --exclude=./results --exclude=./.venv --exclude=./.snakemake -cf - . | tar -C "$1" -xf -
}
sandbox() {  # a private copy, and go there
  tree_to "${1:-$WORK/repo}"; cd "${1:-$WORK/repo}"; export PYTHONPATH=$PWD:$PWD/tests
}
base_of_ci() {  # fills ./results/ci with a finished `scratch` of scale ci, made once per state of the sources
  local key cache
  key=$(cd "$REPO" && find atbench experiments Snakefile -type f ! -name '*.pyc' | sort | xargs cat | sha256sum | cut -c1-16)
  cache=${BUGS_CACHE:-/tmp/atbench-bugs-cache}/$key
  if [ ! -e "$cache/done" ]; then
    rm -rf "$cache"; tree_to "$cache"
    ( cd "$cache" && PYTHONPATH=$PWD snakemake --cores 1 --config scale=ci "suites=[scratch]" > base.log 2>&1 ) && touch "$cache/done" || { tail -20 "$cache/base.log"; echo "the base run itself failed"; }
  fi
  mkdir -p results; cp -a "$cache/results/ci" results/; [ -d "$cache/.snakemake" ] && cp -a "$cache/.snakemake" .
  rm -rf .snakemake/locks
}
try() {  # run a command, output to $OUT and shown, its code in $RC
  "$@" > "$OUT" 2>&1; RC=$?; tail -n "${SHOW:-15}" "$OUT"; echo "[exit $RC]"
}
traceback() { grep -q 'Traceback (most recent call last)' "$OUT"; }
says() { grep -qiE "$1" "$OUT"; }
verdict() { if [ "$1" = 0 ]; then echo PASS; else echo FAIL; fi; exit 0; }
cfg() {  # read all experiment files at a scale, as every command does first; a user's mistake is one line and exit 2
  python -c '
import sys
from atbench.spec.load import load
from atbench.runtime.errors import UserError
try: load(sys.argv[1]); print("read")
except UserError as error: print(f"atbench: {error}"); sys.exit(2)' "$1"
}
