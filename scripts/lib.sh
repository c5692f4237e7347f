# Shell functions that the scripts share: find Python, keep .venv current, fetch Debian packages.
# Sourced by bash with errexit; the caller's working folder becomes the top of the repository.

cd "$(dirname "${BASH_SOURCE[0]}")/.."

VENV=.venv

# Scripts start the commands hundreds of times. Where no bytecode may lie beside the sources, each
# start would compile all of them again, so it lies in the environment.
if [ -n "${PYTHONDONTWRITEBYTECODE:-}" ]; then
  unset PYTHONDONTWRITEBYTECODE
  export PYTHONPYCACHEPREFIX="${PYTHONPYCACHEPREFIX:-$PWD/$VENV/bytecode}"
fi

say() { printf '\n\033[1m== %s\033[0m\n' "$*" >&2; }

fail() {
  printf 'error: %s\n' "$1" >&2
  shift
  for line in "$@"; do printf '       %s\n' "$line" >&2; done
  exit 1
}

# Runs a step under its name and says how long it took, also when it fails.
timed() {
  local name=$1 start=$SECONDS code=0
  shift
  say "$name"
  "$@" || code=$?
  printf -- '-- %s: %d s%s\n' "$name" $((SECONDS - start)) "$( ((code)) && echo " (failed: $code)")" >&2
  return "$code"
}

# The first interpreter that is new enough; PYTHON=... names another.
find_python() {
  local candidate
  for candidate in ${PYTHON:-} python3 python3.14 python3.13 python3.12 python3.11; do
    if "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
      echo "$candidate"
      return
    fi
  done
  fail "no Python 3.11 or newer found" "install it, or name it: PYTHON=/path/to/python3 $0"
}

# ensure_venv plain|dev: .venv with this tree installed in it. Done again only when the list of
# dependencies has changed; an environment with the tools for development serves for plain too.
ensure_venv() {
  local kind=$1 python want
  if [ ! -x "$VENV/bin/python" ]; then
    python=$(find_python)
    say "making $VENV with $("$python" --version)"
    "$python" -m venv "$VENV" || fail "$python cannot make a virtual environment" \
      "on Debian and Ubuntu: sudo apt-get install python3-venv"
  fi
  want=$(cksum <pyproject.toml)
  if [ "$(cat "$VENV/.installed-dev" 2>/dev/null)" = "$want" ]; then return; fi
  if [ "$kind" = plain ] && [ "$(cat "$VENV/.installed-plain" 2>/dev/null)" = "$want" ]; then return; fi
  say "installing clickclaim into $VENV ($kind)"
  "$VENV/bin/python" -m pip install --quiet --disable-pip-version-check \
    --editable "$([ "$kind" = dev ] && echo '.[dev]' || echo .)" ||
    fail "pip could not install clickclaim into $VENV" \
      "see its message above; a broken environment can be removed: rm -r $VENV"
  echo "$want" >"$VENV/.installed-$kind"
}

# need_debian COMMAND:PACKAGE...: installs the packages whose command is missing, when it may.
need_debian() {
  local pair missing=() sudo=()
  PATH="$PATH:/usr/sbin:/sbin" # Debian puts mosquitto there, and a user's PATH may lack it
  export PATH
  for pair in "$@"; do
    command -v "${pair%%:*}" >/dev/null || missing+=("${pair##*:}")
  done
  [ ${#missing[@]} -gt 0 ] || return 0
  command -v apt-get >/dev/null || fail "missing programs: ${missing[*]}" \
    "this machine has no apt-get: install them its own way, then run $0 again"
  if [ "$(id -u)" != 0 ]; then
    sudo -n true 2>/dev/null || fail "missing Debian packages: ${missing[*]}" \
      "only root may install them: sudo apt-get install ${missing[*]}"
    sudo=(sudo -n)
  fi
  say "installing Debian packages: ${missing[*]}"
  "${sudo[@]}" apt-get update -qq || fail "apt-get update failed" "see its message above"
  "${sudo[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq \
    --no-install-recommends "${missing[@]}" </dev/null >/dev/null ||
    fail "apt-get could not install ${missing[*]}" "see its message above"
}
